package submit

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/stellar/go-stellar-sdk/xdr"
)

// result is what the network says of a transaction, in one piece: a fee-bump's
// result wraps that of its inner transaction.
type result struct {
	code xdr.TransactionResultCode
	// inner tells that the code is the inner transaction's: its source account
	// is meant, and not the one that pays.
	inner bool
	// op is the first failed operation's code; empty when there is none.
	op string
	// host is the code of a contract call or upload that was executed.
	host *xdr.InvokeHostFunctionResultCode
	// badAuth and noAccount are the operation's: its source did not sign, or
	// does not exist.
	badAuth, noAccount bool
	// fee is what was charged or, for txINSUFFICIENT_FEE, what is asked.
	fee int64
}

func parseResult(encoded string) (result, error) {
	var r xdr.TransactionResult
	if err := xdr.SafeUnmarshalBase64(encoded, &r); err != nil {
		return result{}, fmt.Errorf("decode a transaction's result: %w", err)
	}
	out := result{code: r.Result.Code, fee: int64(r.FeeCharged)}
	if pair, ok := r.Result.GetInnerResultPair(); ok {
		out.code, out.inner = pair.Result.Result.Code, true
	}
	ops, _ := r.OperationResults()
	for _, o := range ops {
		if out.readOperation(o) {
			break
		}
	}
	return out, nil
}

// readOperation reports whether the operation failed.
func (r *result) readOperation(o xdr.OperationResult) bool {
	if o.Code != xdr.OperationResultCodeOpInner {
		r.badAuth = o.Code == xdr.OperationResultCodeOpBadAuth
		r.noAccount = o.Code == xdr.OperationResultCodeOpNoAccount
		r.op = words(o.Code.String(), "OperationResultCode")
		return true
	}
	switch {
	case o.Tr.InvokeHostFunctionResult != nil:
		code := o.Tr.InvokeHostFunctionResult.Code
		r.host = &code
		if code != xdr.InvokeHostFunctionResultCodeInvokeHostFunctionSuccess {
			r.op = words(code.String(), "InvokeHostFunctionResultCode")
			return true
		}
	case o.Tr.ExtendFootprintTtlResult != nil:
		if code := o.Tr.ExtendFootprintTtlResult.Code; code != xdr.ExtendFootprintTtlResultCodeExtendFootprintTtlSuccess {
			r.op = words(code.String(), "ExtendFootprintTtlResultCode")
			return true
		}
	case o.Tr.RestoreFootprintResult != nil:
		if code := o.Tr.RestoreFootprintResult.Code; code != xdr.RestoreFootprintResultCodeRestoreFootprintSuccess {
			r.op = words(code.String(), "RestoreFootprintResultCode")
			return true
		}
	case o.Tr.CreateAccountResult != nil:
		if code := o.Tr.CreateAccountResult.Code; code != xdr.CreateAccountResultCodeCreateAccountSuccess {
			r.op = words(code.String(), "CreateAccountResultCode")
			return true
		}
	}
	return false
}

func (r result) applied() bool { return r.code == xdr.TransactionResultCodeTxSuccess }

// sequenceUsed: a transaction that is in a ledger has used its number once its
// operations were tried.
func (r result) sequenceUsed() bool {
	return r.applied() || r.code == xdr.TransactionResultCodeTxFailed
}

// name is the result in the network's words, such as txBAD_SEQ or
// txFAILED/INVOKE_HOST_FUNCTION_TRAPPED.
func (r result) name() string {
	name := "tx" + words(r.code.String(), "TransactionResultCodeTx")
	if r.op != "" {
		name += "/" + r.op
	}
	return name
}

// words turns the name of a constant into the form that the network's own
// documentation uses.
func words(constant, prefix string) string {
	var b strings.Builder
	for i, r := range strings.TrimPrefix(constant, prefix) {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}
