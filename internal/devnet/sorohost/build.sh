#!/bin/sh
# Builds sorohost.wasm and its checksum. With --check, builds them aside and
# fails when they differ from the committed ones. The result is reproducible on
# linux/amd64: path prefixes are remapped, versions and toolchain are pinned.
set -eu
cd "$(dirname "$0")"

if ! command -v rustup >/dev/null 2>&1; then
	echo "sorohost: rustup is missing; install it from https://rustup.rs (Rust is needed only to rebuild the host)" >&2
	exit 1
fi
toolchain=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
rustup target add wasm32-wasip1 --toolchain "$toolchain" >/dev/null 2>&1 ||
	rustup toolchain install "$toolchain" --profile minimal --target wasm32-wasip1

CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="--remap-path-prefix=$CARGO_HOME=/cargo --remap-path-prefix=$PWD=/src"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
cargo "+$toolchain" build --release --locked --target wasm32-wasip1
built="$CARGO_TARGET_DIR/wasm32-wasip1/release/sorohost.wasm"

if [ "${1:-}" = --check ]; then
	if ! cmp -s "$built" sorohost.wasm; then
		echo "sorohost: the build differs from the committed sorohost.wasm:" >&2
		sha256sum "$built" sorohost.wasm >&2
		echo "sorohost: if the sources changed, run sh $0 and commit the result" >&2
		exit 1
	fi
	sha256sum -c sorohost.wasm.sha256
	exit 0
fi
cp "$built" sorohost.wasm
chmod 644 sorohost.wasm
sha256sum sorohost.wasm | tee sorohost.wasm.sha256
