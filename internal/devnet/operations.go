package devnet

import (
	"github.com/stellar/go-stellar-sdk/xdr"
)

// checkOperation judges the form of an operation; of the ledger it looks at the
// settings only. Its result is only looked at for success.
func (v *validator) checkOperation(t *transaction, op xdr.Operation) xdr.OperationResult {
	body := op.Body
	switch body.Type {
	case xdr.OperationTypeCreateAccount:
		return checkCreate(t.opSource(op), body.CreateAccountOp)
	case xdr.OperationTypePayment:
		return checkPayment(body.PaymentOp)
	case xdr.OperationTypeBumpSequence:
		return checkBump(body.BumpSequenceOp)
	case xdr.OperationTypeAccountMerge:
		return checkMerge(t.opSource(op), body.Destination.ToAccountId())
	case xdr.OperationTypeSetOptions:
		return checkOptions(t.opSource(op), body.SetOptionsOp)
	case xdr.OperationTypeInvokeHostFunction:
		return v.checkInvoke(body.InvokeHostFunctionOp)
	case xdr.OperationTypeExtendFootprintTtl:
		return v.checkExtend(t, body.ExtendFootprintTtlOp)
	case xdr.OperationTypeRestoreFootprint:
		return v.checkRestore(t)
	default:
		return notSupported()
	}
}

// applyClassic executes an operation on accounts.
func applyClassic(l *layer, seq uint32, source xdr.AccountId, op xdr.Operation) xdr.OperationResult {
	body := op.Body
	switch body.Type {
	case xdr.OperationTypeCreateAccount:
		return applyCreate(l, seq, source, body.CreateAccountOp)
	case xdr.OperationTypePayment:
		return applyPayment(l, seq, source, body.PaymentOp)
	case xdr.OperationTypeBumpSequence:
		return applyBump(l, seq, source, body.BumpSequenceOp)
	case xdr.OperationTypeAccountMerge:
		return applyMerge(l, seq, source, body.Destination.ToAccountId())
	case xdr.OperationTypeSetOptions:
		return applyOptions(l, seq, source, body.SetOptionsOp)
	default:
		return notSupported()
	}
}

func checkCreate(source xdr.AccountId, op *xdr.CreateAccountOp) xdr.OperationResult {
	if op.StartingBalance < 0 || op.Destination.Equals(source) {
		return createResult(xdr.CreateAccountResultCodeCreateAccountMalformed)
	}
	return createResult(xdr.CreateAccountResultCodeCreateAccountSuccess)
}

func applyCreate(l *layer, seq uint32, source xdr.AccountId, op *xdr.CreateAccountOp) xdr.OperationResult {
	from := account(l, source)
	switch {
	case account(l, op.Destination) != nil:
		return createResult(xdr.CreateAccountResultCodeCreateAccountAlreadyExist)
	case op.StartingBalance < 2*baseReserve:
		return createResult(xdr.CreateAccountResultCodeCreateAccountLowReserve)
	case available(from) < int64(op.StartingBalance):
		return createResult(xdr.CreateAccountResultCodeCreateAccountUnderfunded)
	}
	from.Balance -= op.StartingBalance
	setAccount(l, from, seq)
	setAccount(l, newAccount(op.Destination, int64(op.StartingBalance), seq), seq)
	return createResult(xdr.CreateAccountResultCodeCreateAccountSuccess)
}

func checkPayment(op *xdr.PaymentOp) xdr.OperationResult {
	if op.Asset.Type != xdr.AssetTypeAssetTypeNative {
		return notSupported()
	}
	if op.Amount <= 0 {
		return paymentResult(xdr.PaymentResultCodePaymentMalformed)
	}
	return paymentResult(xdr.PaymentResultCodePaymentSuccess)
}

func applyPayment(l *layer, seq uint32, source xdr.AccountId, op *xdr.PaymentOp) xdr.OperationResult {
	from, to := account(l, source), account(l, op.Destination.ToAccountId())
	switch {
	case to == nil:
		return paymentResult(xdr.PaymentResultCodePaymentNoDestination)
	case available(from) < int64(op.Amount):
		return paymentResult(xdr.PaymentResultCodePaymentUnderfunded)
	}
	if !from.AccountId.Equals(to.AccountId) {
		from.Balance -= op.Amount
		to.Balance += op.Amount
		setAccount(l, from, seq)
		setAccount(l, to, seq)
	}
	return paymentResult(xdr.PaymentResultCodePaymentSuccess)
}

func checkBump(op *xdr.BumpSequenceOp) xdr.OperationResult {
	if op.BumpTo < 0 {
		return bumpResult(xdr.BumpSequenceResultCodeBumpSequenceBadSeq)
	}
	return bumpResult(xdr.BumpSequenceResultCodeBumpSequenceSuccess)
}

func applyBump(l *layer, seq uint32, source xdr.AccountId, op *xdr.BumpSequenceOp) xdr.OperationResult {
	a := account(l, source)
	if op.BumpTo > a.SeqNum {
		a.SeqNum = op.BumpTo
		setAccount(l, a, seq)
	}
	return bumpResult(xdr.BumpSequenceResultCodeBumpSequenceSuccess)
}

func checkMerge(source, destination xdr.AccountId) xdr.OperationResult {
	if source.Equals(destination) {
		return mergeResult(xdr.AccountMergeResultCodeAccountMergeMalformed)
	}
	r := mergeResult(xdr.AccountMergeResultCodeAccountMergeSuccess)
	r.Tr.AccountMergeResult.SourceAccountBalance = ptr(xdr.Int64(0))
	return r
}

func applyMerge(l *layer, seq uint32, source, destination xdr.AccountId) xdr.OperationResult {
	from, to := account(l, source), account(l, destination)
	switch {
	case to == nil:
		return mergeResult(xdr.AccountMergeResultCodeAccountMergeNoAccount)
	case from.NumSubEntries != xdr.Uint32(len(from.Signers)):
		return mergeResult(xdr.AccountMergeResultCodeAccountMergeHasSubEntries)
	case uint64(from.SeqNum) >= uint64(seq)<<32:
		// an account made anew in this ledger could replay its transactions
		return mergeResult(xdr.AccountMergeResultCodeAccountMergeSeqnumTooFar)
	}
	to.Balance += from.Balance
	setAccount(l, to, seq)
	l.set(accountKey(source), nil)
	r := mergeResult(xdr.AccountMergeResultCodeAccountMergeSuccess)
	r.Tr.AccountMergeResult.SourceAccountBalance = &from.Balance
	return r
}
