#!/bin/sh
# Builds the image with buildah, without a daemon, and runs it as Docker would: as
# its own user, on a root that cannot be written to, in process and mount
# namespaces of its own, with nothing in its environment but settings. It must be
# root, on a machine with buildah, inside of a stack (make imagecheck).
set -eu
cd "$(dirname "$0")/.."
say() { printf '\n== %s\n' "$*" >&2; }
die() { printf 'imagecheck: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || die 'namespaces, mounts and other users need root'
for tool in buildah unshare nsenter pgrep; do
	command -v "$tool" >/dev/null || die "$tool is missing (Debian: apt-get install buildah util-linux procps)"
done
[ -n "${APP_PORT:-}" ] || die 'there is no stack: run make imagecheck'
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot

work=$(mktemp -d)
container=''
running=''
finish() {
	# Each is the first process of its namespace: what is in it goes with it.
	for pid in $running; do kill -9 "$pid" 2>/dev/null || true; done
	umount "$work/root" 2>/dev/null || true
	[ -z "$container" ] || buildah rm "$container" >/dev/null
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Where no registry is, a base is made of Debian's packages and this machine's Go.
version=$(sed -n 's/^ARG GO_VERSION=//p' Dockerfile)
base=docker.io/library/golang:$version-bookworm
if ! buildah inspect --type image "$base" >/dev/null 2>&1 && ! buildah pull --quiet "$base" >/dev/null 2>&1; then
	say "a stand-in for $base"
	[ "$(go env GOVERSION)" = "go$version" ] || die "the Dockerfile wants Go $version, here is $(go env GOVERSION)"
	command -v mmdebstrap >/dev/null || die 'mmdebstrap is missing (Debian: apt-get install mmdebstrap)'
	mkdir "$work/base"
	mmdebstrap --quiet --variant=minbase --include=ca-certificates,tzdata bookworm "$work/base/debian.tar"
	tar -C "$(go env GOROOT)" --transform 's,^\.,go,' -cf "$work/base/go.tar" .
	printf '%s\n' 'FROM scratch' 'ADD debian.tar /' 'ADD go.tar /usr/local/' \
		'ENV PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin GOPATH=/go GOTOOLCHAIN=local' >"$work/base/Dockerfile"
	buildah build --quiet -t "$base" "$work/base" >/dev/null
fi

say build
export IMAGE=localhost/tenant-provisioning:check VERSION=v0.0.0-check
export REVISION=0123456789abcdef COMMITTED=2026-01-02T03:04:05Z
sh scripts/image.sh --quiet --pull-never -v /etc/ssl/certs:/etc/ssl/certs:ro -v /etc/resolv.conf:/etc/resolv.conf:ro >&2
container=$(buildah from --pull-never "$IMAGE")
image=$(buildah mount "$container")
config() { buildah inspect --type image --format "{{$1}}" "$IMAGE"; }

say 'what is in it'
find "$image" -type f | sed "s,^$image,,; s,^/usr/share/zoneinfo/.*,/usr/share/zoneinfo/…," | sort -u >"$work/files"
cat >"$work/expected" <<-'END'
	/etc/passwd
	/etc/ssl/certs/ca-certificates.crt
	/usr/local/bin/api
	/usr/local/bin/starter
	/usr/local/bin/worker
	/usr/share/zoneinfo/…
END
diff "$work/expected" "$work/files" >&2 || die 'other files than expected are in the image'
du -sb "$image" | awk '{ printf "%.1f MB\n", $1 / 1e6 }' >&2
[ "$(config .Docker.Config.User)" = 65532:65532 ] || die 'its user is not 65532'
[ "$(config .Docker.Config.Healthcheck.Test)" = '[CMD api healthcheck]' ] || die 'its health check is another one'
[ "$(config .Docker.Config.Cmd)" = '[api]' ] || die 'by itself it is not the api'

say 'the same programs, built elsewhere with other caches'
mkdir "$work/elsewhere" "$work/built"
# shellcheck disable=SC2046 # a list
tar -cf - $(sed -n 's/^!//p' .dockerignore) | tar -xf - -C "$work/elsewhere"
stamp=tenant-provisioning/internal/build
(cd "$work/elsewhere" && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$work/built/" -ldflags \
	"-s -w -X $stamp.version=$VERSION -X $stamp.revision=$REVISION -X $stamp.committed=$COMMITTED" ./api ./worker ./starter)
for program in api worker starter; do
	cmp "$work/built/$program" "$image/usr/local/bin/$program" >&2 || die "two builds of $program differ"
done
(cd "$work/built" && sha256sum -- *) >&2

# The settings of the stack, as lines of an --env-file, and what the image sets.
env | grep -E '^(NODE_ENV|(APP|DB|REDIS|JWT|MAIL|SENDGRID|SOROBAN|TEMPORAL|PAYLOAD|TENANT|INVITATION)_[A-Z_]+)=' >"$work/settings"
printf '%s\n' "METRICS_ADDR=127.0.0.1:$((APP_PORT + 1))" TZ=Europe/Berlin >>"$work/settings"
config 'range .Docker.Config.Env}}{{println .}}{{end' | grep . >>"$work/settings"

mkdir "$work/root"
mount --bind "$image" "$work/root"
mkdir -p "$work/root/proc" "$work/root/dev"
mount -o remount,bind,ro "$work/root"

# settled becomes a command with nothing but the settings in its environment.
settled() {
	count=$#
	while IFS= read -r line; do set -- "$@" "$line"; done <"$work/settings"
	while [ "$count" -gt 0 ]; do
		word=$1
		shift
		set -- "$@" "$word"
		count=$((count - 1))
	done
	exec env -i "$@"
}
as_user="$(command -v chroot) --userspec=65532:65532 $work/root"
enter="$(command -v nsenter) --mount --pid --root --wd=/ --setuid 65532 --setgid 65532"

# begin starts a program of the image as the first process of its container, whose
# number it leaves in pid.
begin() {
	# shellcheck disable=SC2016,SC2086 # the inner shell expands the one, the other is words
	(settled "$(command -v unshare)" --mount --pid --fork --kill-child "$(command -v sh)" -ec '
		"$1" -t proc proc "$2/proc"
		shift 2
		exec "$@"
	' - "$(command -v mount)" "$work/root" $as_user "$@") >"$work/$1.log" 2>&1 &
	outer=$!
	until pid=$(pgrep -P "$outer") && [ -n "$pid" ]; do
		kill -0 "$outer" 2>/dev/null || die "$1 has ended: $(cat "$work/$1.log")"
	done
	running="$running $pid"
}

# inside runs a command in the container of a process, as a health check does.
inside() {
	target=$1
	shift
	# shellcheck disable=SC2086 # words
	(settled $enter -t "$target" -- "$@")
}

# await repeats a command until it succeeds.
await() {
	for _ in $(seq 600); do
		"$@" >"$work/said" 2>&1 && return
		sleep 0.2
	done
	die "in vain: $*: $(cat "$work/said")"
}

say 'api and worker, as their user, on a root that is read-only'
begin api
api=$pid
begin worker
worker=$pid
await inside "$api" /usr/local/bin/api healthcheck
await inside "$api" /usr/local/bin/api healthcheck --ready
await inside "$worker" /usr/local/bin/worker healthcheck --ready
grep -q '^Uid:.65532.65532.65532' "/proc/$api/status" || die 'the api runs as another user'
[ "$(awk '$1 == "NSpid:" { print $NF }' "/proc/$api/status")" = 1 ] || die 'the api is not the first process'
awk '$2 == "/" { print $4 }' "/proc/$api/mounts" | grep -q '^ro' || die 'its root can be written to'
head -n 1 "$work/api.log" | grep -F "\"version\":\"$VERSION\",\"revision\":\"$REVISION\"" | grep -F "$COMMITTED" |
	grep -q 'T[0-9:.]*+0[12]:00"' || die "the first line is another one, or knows no time zones: $(head -n 1 "$work/api.log")"
# shellcheck disable=SC2086 # words
(settled $as_user api --version) >&2

say 'a tenant by starter of the image'
# shellcheck disable=SC2086 # words
(settled $as_user starter provision --name 'Image Hospital' --admin-email ada@image.example --admin-first-name Ada \
	--admin-last-name Lovelace --wait) >&2

say 'preStop, SIGTERM'
inside "$api" /usr/local/bin/api drain --for 1s
! inside "$api" /usr/local/bin/api healthcheck --ready 2>/dev/null || die 'it is still ready'
kill -TERM "$api" "$worker"
await grep -q '"msg":"stopped"' "$work/api.log"
await grep -q '"msg":"stopped"' "$work/worker.log"
say 'all is well'
