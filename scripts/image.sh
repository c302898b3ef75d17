#!/bin/sh
# Builds the image by docker, where its daemon answers, or by buildah, which needs
# none. IMAGE is its name and tag; PUSH=1 pushes it, too. Version, commit and time
# are git's, unless VERSION, REVISION and COMMITTED say them.
set -eu
cd "$(dirname "$0")/.."

git() { command git "$@" 2>/dev/null || true; } # also in an archive without history
VERSION=${VERSION:-$(git describe --tags --always --dirty)}
REVISION=${REVISION:-$(git rev-parse HEAD)}
COMMITTED=${COMMITTED:-$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)}
VERSION=${VERSION:-(devel)}
tag=$(printf %s "$VERSION" | tr -cd 'A-Za-z0-9_.-')
IMAGE=${IMAGE:-healthcare/tenant-provisioning:$tag}

set -- --build-arg "VERSION=$VERSION" --build-arg "REVISION=$REVISION" --build-arg "COMMITTED=$COMMITTED" -t "$IMAGE" "$@" .
if docker version >/dev/null 2>&1; then
	tool=docker
	DOCKER_BUILDKIT=1 docker build "$@"
elif command -v buildah >/dev/null; then
	tool=buildah
	# OCI's own format has no health check.
	buildah build --format docker "$@"
else
	cat >&2 <<-'END'
		make image: neither docker with a daemon that answers nor buildah is here.
		Start docker, or install buildah (Debian: apt-get install buildah), which needs no daemon.
	END
	exit 1
fi
[ -z "${PUSH:-}" ] || "$tool" push "$IMAGE"
echo "$IMAGE"
