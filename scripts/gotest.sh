#!/bin/sh
# Runs the tests of all modules and prints their events as JSON, for gotestsum.
#
# PKG  packages, relative to the root; all of all modules when empty
# RUN  only tests that match
# TIMEOUT of each package; 30m when empty
# RACE the race detector when not empty; needs a C compiler
set -u
status=0

root=''
nested=''
check=''
peers=''
for package in ${PKG:-./... ./deploy/devstack/... ./deploy/check/... ./deploy/bench/peers/...}; do
	case $package in
	./deploy/bench/peers*) peers="$peers .${package#./deploy/bench/peers}" ;;
	./deploy/check*) check="$check .${package#./deploy/check}" ;;
	./deploy/devstack*) nested="$nested .${package#./deploy/devstack}" ;;
	*) root="$root $package" ;;
	esac
done

set -- -json ${RUN:+-run "$RUN"}
if [ -n "$root" ]; then
	# shellcheck disable=SC2086 # a list of packages
	if [ -n "${RACE:-}" ]; then
		CGO_ENABLED=1 go test -race -timeout "${TIMEOUT:-30m}" "$@" $root || status=1
	else
		go test -timeout "${TIMEOUT:-30m}" "$@" $root || status=1
	fi
fi
# What these read is outside of their module, where Go's test cache sees no change.
if [ -n "$check" ]; then
	# shellcheck disable=SC2086 # a list of packages
	(cd deploy/check && go test -count 1 -timeout 30m "$@" $check) || status=1
fi
if [ -n "$peers" ]; then
	# shellcheck disable=SC2086 # a list of packages
	(cd deploy/bench/peers && go test -timeout 30m "$@" $peers) || status=1
fi
# go vet would analyse the 1,800 packages under the embedded Temporal server,
# and each test binary there takes 2.6 GB to link: one at a time.
if [ -n "$nested" ]; then
	# shellcheck disable=SC2086 # a list of packages
	(cd deploy/devstack && go test -vet=off -p 1 -timeout 30m "$@" $nested) || status=1
fi
exit $status
