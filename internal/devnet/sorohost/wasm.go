package sorohost

import _ "embed"

// Wasm is the host, built by build.sh.
//
//go:embed sorohost.wasm
var Wasm []byte

// Checksum is the line that sha256sum prints for Wasm.
//
//go:embed sorohost.wasm.sha256
var Checksum string
