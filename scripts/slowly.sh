#!/bin/sh
# Runs a command on a slow machine: beside a busy loop on each core.
set -u
loops=''
stop() {
	# shellcheck disable=SC2086 # a list of processes
	kill $loops 2>/dev/null
}
trap stop EXIT
trap 'exit 130' INT TERM
for _ in $(seq "$(getconf _NPROCESSORS_ONLN)"); do
	while :; do :; done &
	loops="$loops $!"
done
"$@"
