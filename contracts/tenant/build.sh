#!/bin/sh
# Tests the contract, builds tenant.wasm and its checksum. With --check, builds
# them aside and fails when they differ from the committed ones: the result is
# the same in every directory, as long as toolchain and versions are.
set -eu
cd "$(dirname "$0")"

if ! command -v rustup >/dev/null 2>&1; then
	echo "contract: rustup is missing; install it from https://rustup.rs (Rust is needed only to rebuild the contract)" >&2
	exit 1
fi
toolchain=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
rustup target add wasm32v1-none --toolchain "$toolchain" >/dev/null 2>&1 ||
	rustup toolchain install "$toolchain" --profile minimal --target wasm32v1-none

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
cargo "+$toolchain" test --locked
cargo "+$toolchain" build --release --locked --target wasm32v1-none
built="$CARGO_TARGET_DIR/wasm32v1-none/release/tenant.wasm"

if [ "${1:-}" = --check ]; then
	if ! cmp -s "$built" tenant.wasm; then
		echo "contract: the build differs from the committed tenant.wasm:" >&2
		sha256sum "$built" tenant.wasm >&2
		echo "contract: if the sources changed, run sh $0 and commit the result" >&2
		exit 1
	fi
	sha256sum -c tenant.wasm.sha256
	exit 0
fi
cp "$built" tenant.wasm
chmod 644 tenant.wasm
sha256sum tenant.wasm | tee tenant.wasm.sha256
