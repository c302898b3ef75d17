#!/bin/sh
# Formats what golangci-lint does not see: the nested Go modules, where it
# would take too long, and the contract where Rust is. With --check it only
# says what is not formatted. The Soroban host is left alone: its Wasm holds
# line numbers and must stay what its sources give.
set -eu
check=${1:-}

unformatted=$(gofmt -l deploy/devstack tools)
if [ -n "$unformatted" ]; then
	if [ "$check" = --check ]; then
		printf 'not formatted (run "make fmt"):\n%s\n' "$unformatted" >&2
		exit 1
	fi
	printf '%s\n' "$unformatted" | while IFS= read -r file; do gofmt -w "$file"; done
fi

cd contracts/tenant
if cargo fmt --version >/dev/null 2>&1; then
	cargo fmt ${check:+"$check"}
fi
