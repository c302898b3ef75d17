package devnet

import "github.com/stellar/go-stellar-sdk/xdr"

// fault says why a Soroban transaction is refused, beside the code of its result:
// a diagnostic event in the words of stellar-core.
type fault struct {
	kind    xdr.ScErrorType
	code    xdr.ScErrorCode
	message string
	numbers []uint64
}

func newFault(kind xdr.ScErrorType, code xdr.ScErrorCode, message string, numbers ...uint64) *fault {
	return &fault{kind, code, message, numbers}
}

func (f *fault) event() xdr.DiagnosticEvent {
	data := xdr.ScVal{Type: xdr.ScValTypeScvString, Str: ptr(xdr.ScString(f.message))}
	if len(f.numbers) > 0 {
		list := xdr.ScVec{data}
		for _, n := range f.numbers {
			list = append(list, xdr.ScVal{Type: xdr.ScValTypeScvU64, U64: ptr(xdr.Uint64(n))})
		}
		data = xdr.ScVal{Type: xdr.ScValTypeScvVec, Vec: ptr(&list)}
	}
	return xdr.DiagnosticEvent{Event: xdr.ContractEvent{
		Type: xdr.ContractEventTypeDiagnostic,
		Body: xdr.ContractEventBody{V0: &xdr.ContractEventV0{
			Topics: []xdr.ScVal{
				{Type: xdr.ScValTypeScvSymbol, Sym: ptr(xdr.ScSymbol("error"))},
				{Type: xdr.ScValTypeScvError, Error: &xdr.ScError{Type: f.kind, Code: &f.code}},
			},
			Data: data,
		}},
	}}
}
