#!/bin/sh
# Runs docker-compose.yml without Docker, and looks at what comes of it: see
# deploy/check/composed/doc.go. It must be root, on Debian; what it starts and mounts
# is seen by nobody else and ends with it.
set -eu
cd "$(dirname "$0")/.."
die() { printf 'composed: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || die 'namespaces, mounts and other users need root'
for tool in busybox nc redis-server setpriv; do
	command -v "$tool" >/dev/null ||
		die "$tool is missing (Debian: apt-get install busybox netcat-openbsd postgresql redis-server util-linux)"
done
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || die 'PostgreSQL is missing (Debian: apt-get install postgresql)'

# Of the versions that the embedded stack has, which those of docker-compose.yml must
# be. Linking the server takes much memory: one after the other.
out=$PWD/bin/temporal
mkdir -p "$out"
cd deploy/devstack
module() {
	version=$(go list -m -f '{{.Version}}' "$1")
	grep -q "image: $2:${version#v}\$" ../../docker-compose.yml || die "docker-compose.yml has another version of $2 than $version"
	go list -m -f '{{.Dir}}' "$1"
}
server=$(module go.temporal.io/server temporalio/server)
ui=$(module github.com/temporalio/ui-server/v2 temporalio/ui)
go build -ldflags '-s -w' -o "$out/temporal-sql-tool" go.temporal.io/server/cmd/tools/sql
go build -ldflags '-s -w' -o "$out/temporal-server" go.temporal.io/server/cmd/server
go build -ldflags '-s -w' -o "$out/ui-server" github.com/temporalio/ui-server/v2/cmd/server
install -m 755 "$server/docker/scripts/sh/entrypoint.sh" "$ui/docker/start-ui-server.sh" "$out/"
install -m 644 "$ui/config/docker.yaml" "$out/"

cd ../check
COMPOSED_PROGRAMS=${out%/temporal} go test ./composed -count 1 -timeout 30m -v
