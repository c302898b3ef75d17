package devnet_test

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/xdr"
)

// endlessContract is a contract with one function, run, that never returns.
func endlessContract() []byte {
	section := func(id byte, body ...byte) []byte { return append([]byte{id, byte(len(body))}, body...) }
	wasm := []byte("\x00asm\x01\x00\x00\x00")
	wasm = append(wasm, section(1, 1, 0x60, 0, 1, 0x7e)...)                             // type: () -> i64
	wasm = append(wasm, section(3, 1, 0)...)                                            // function 0 is of it
	wasm = append(wasm, section(7, 1, 3, 'r', 'u', 'n', 0, 0)...)                       // export "run"
	wasm = append(wasm, section(10, 1, 8, 0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x00, 0x0b)...) // loop br 0 end unreachable
	meta := []byte("\x11contractenvmetav0")                                             // its protocol
	meta = append(meta, 0, 0, 0, 0)
	meta = binary.BigEndian.AppendUint64(meta, 27<<32)
	return append(wasm, section(0, meta...)...)
}

// deploymentOf code without a constructor, under the salt "loop".
func deploymentOf(deployer *keypair.Full, wasm []byte) xdr.HostFunction {
	fn := deployment(deployer, deployer, "loop")
	hash := xdr.Hash(sha256.Sum256(wasm))
	fn.CreateContractV2.Executable.WasmHash = &hash
	fn.CreateContractV2.ConstructorArgs = nil
	return fn
}
