#!/bin/sh
# Formats what golangci-lint does not see: the nested Go modules, where it
# would take too long, and Rust. With --check it only says what is not.
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

for crate in contracts/tenant internal/stellar/devnet/sorohost; do
	if [ -f "$crate/Cargo.toml" ] && (cd "$crate" && cargo fmt --version) >/dev/null 2>&1; then
		(cd "$crate" && cargo fmt ${check:+"$check"})
	fi
done
