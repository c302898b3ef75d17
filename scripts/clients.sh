#!/bin/sh
# Lints both OpenAPI documents, generates clients for Python, TypeScript and Go from
# each, compiles them, and takes a tenant through its life with each: on the embedded
# stack, as the target clients of the Makefile calls it. Then each client reads answers
# of a later version, with words that it does not know. Stellar's official Python SDK
# uses the local network. Needs node, python3 and curl, and fetches what tools/clients
# pins.
set -eu
cd "$(dirname "$0")/.."
dir=$PWD/bin/clients
tools=$PWD/tools/clients
mkdir -p "$dir"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true PIP_DISABLE_PIP_VERSION_CHECK=1 NO_COLOR=1

say() { printf 'clients: %s\n' "$*"; }

# fail says what went wrong, and shows the end of a log.
fail() {
	say "$1" >&2
	[ -z "${2:-}" ] || tail -n 60 "$2" >&2
	exit 1
}

# quietly runs a command whose output only matters when it fails.
quietly() {
	what=$1
	shift
	"$@" >"$dir/log" 2>&1 || fail "$what: failed" "$dir/log"
}

for program in node npm python3 curl go; do
	command -v $program >/dev/null || fail "$program is needed, and is not there"
done
[ -n "${APP_URL:-}" ] || fail "there is no stack: run make clients"

children=''
stop() {
	# shellcheck disable=SC2086 # a list of processes
	[ -z "$children" ] || { kill $children && wait $children; } 2>/dev/null || true
}
trap stop EXIT
trap 'exit 130' INT TERM

# answers waits, for a minute at most, until a command succeeds.
answers() {
	what=$1
	shift
	for _ in $(seq 60); do
		"$@" >/dev/null 2>&1 && return
		sleep 1
	done
	fail "$what does not answer" "$dir/$what.log"
}

# Tools are installed again when what pins them has changed.
pinned() { cmp -s "$1" "$dir/$2"; }
if ! pinned "$tools/package-lock.json" package-lock.json || ! [ -d "$dir/node_modules" ]; then
	cp "$tools/package.json" "$dir/"
	quietly 'install the node packages' sh -c 'cd "$1" && cp "$2" . && npm ci --ignore-scripts --no-audit --no-fund || { rm -f package-lock.json; exit 1; }' - "$dir" "$tools/package-lock.json"
fi
if ! pinned "$tools/python/requirements.txt" requirements.txt; then
	quietly 'make a Python environment' python3 -m venv --clear "$dir/venv"
	quietly 'install the Python packages' "$dir/venv/bin/pip" install -r "$tools/python/requirements.txt"
	cp "$tools/python/requirements.txt" "$dir/"
fi
quietly 'build oapi-codegen' go build -C "$tools/go" -o "$dir/" github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen
PATH="$dir/node_modules/.bin:$dir/venv/bin:$dir:$PATH"

# One client in a loop is not what the rate limit is for.
RATE_LIMIT_ENABLED=false bin/api >"$dir/api.log" 2>&1 &
children="$children $!"
bin/worker >"$dir/worker.log" 2>&1 &
children="$children $!"
python3 "$tools/later.py" "$APP_URL" >"$dir/later.log" 2>&1 &
children="$children $!"
answers api curl -fs "$APP_URL/readyz"
answers later test -s "$dir/later.log"
later=$(cat "$dir/later.log")
token=$(bin/starter token --role operator)

# lint OPENAPI-VERSION
lint() {
	quietly "Redocly, OpenAPI $1" redocly lint --config "$tools/redocly.yaml" "$dir/openapi-$1.json"
	quietly "Spectral, OpenAPI $1" spectral lint --ruleset "$tools/spectral.yaml" --fail-severity hint "$dir/openapi-$1.json"
	say "OpenAPI $1: no findings of Redocly and Spectral"
}

# Each of these generates a client from a document, in a directory of its own, and
# compiles it with the program that uses it.
python() {
	cp "$tools/python/life.py" .
	quietly "$client: generate" openapi-python-client generate --path "$1" --config "$tools/python/generator.yaml" \
		--output-path tenants_api --overwrite --meta none --fail-on-warning
	quietly "$client: check the types" mypy --strict life.py
	life() { "$dir/venv/bin/python" life.py "$@"; }
}
typescript() {
	cp "$tools/typescript/life.ts" "$tools/typescript/tsconfig.json" "$tools/package.json" .
	quietly "$client: generate" openapi-typescript "$1" --output schema.d.ts
	quietly "$client: compile" tsc
	life() { node life.js "$@"; }
}
go_() {
	cp "$tools"/go/*.go "$tools"/go/go.* .
	mkdir -p api
	quietly "$client: generate" oapi-codegen -generate types,client -package api -o api/api.go "$1"
	quietly "$client: compile" go build -o life .
	life() { ./life "$@"; }
}

for version in 3.1 3.0; do
	path=openapi.json
	[ $version = 3.1 ] || path=openapi-$version.json
	quietly "read the document" curl -fsS -o "$dir/openapi-$version.json" "$APP_URL/$path"
	lint $version
done
for version in 3.1 3.0; do
	for language in python typescript go_; do
		client="${language%_} from OpenAPI $version"
		mkdir -p "$dir/$language-$version"
		cd "$dir/$language-$version"
		$language "$dir/openapi-$version.json"
		quietly "$client: a tenant's life" life "Clients of $client" "$APP_URL" "$later" "$token"
		say "$client: compiles, took a tenant through its life, and reads a later version's answers"
	done
done
cd "$dir/../.."
quietly 'the Python SDK on the local network' env STELLAR_SDK_PYTHON="$dir/venv/bin/python" go test ./internal/devnet -count 1 -run TestPythonSDK
say 'Python SDK of Stellar: deploys and calls the contract on the local network'
