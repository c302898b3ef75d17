package devnet

import (
	"github.com/stellar/go-stellar-sdk/xdr"
)

func opResult(tr xdr.OperationResultTr) xdr.OperationResult { return xdr.OperationResult{Tr: &tr} }

func invokeResult(code xdr.InvokeHostFunctionResultCode) xdr.OperationResult {
	r := &xdr.InvokeHostFunctionResult{Code: code}
	if code == xdr.InvokeHostFunctionResultCodeInvokeHostFunctionSuccess {
		r.Success = &xdr.Hash{}
	}
	return opResult(xdr.OperationResultTr{Type: xdr.OperationTypeInvokeHostFunction, InvokeHostFunctionResult: r})
}

func extendResult(code xdr.ExtendFootprintTtlResultCode) xdr.OperationResult {
	return opResult(xdr.OperationResultTr{Type: xdr.OperationTypeExtendFootprintTtl, ExtendFootprintTtlResult: &xdr.ExtendFootprintTtlResult{Code: code}})
}

func restoreResult(code xdr.RestoreFootprintResultCode) xdr.OperationResult {
	return opResult(xdr.OperationResultTr{Type: xdr.OperationTypeRestoreFootprint, RestoreFootprintResult: &xdr.RestoreFootprintResult{Code: code}})
}

func createResult(code xdr.CreateAccountResultCode) xdr.OperationResult {
	return opResult(xdr.OperationResultTr{Type: xdr.OperationTypeCreateAccount, CreateAccountResult: &xdr.CreateAccountResult{Code: code}})
}

func paymentResult(code xdr.PaymentResultCode) xdr.OperationResult {
	return opResult(xdr.OperationResultTr{Type: xdr.OperationTypePayment, PaymentResult: &xdr.PaymentResult{Code: code}})
}

func bumpResult(code xdr.BumpSequenceResultCode) xdr.OperationResult {
	return opResult(xdr.OperationResultTr{Type: xdr.OperationTypeBumpSequence, BumpSeqResult: &xdr.BumpSequenceResult{Code: code}})
}

func mergeResult(code xdr.AccountMergeResultCode) xdr.OperationResult {
	return opResult(xdr.OperationResultTr{Type: xdr.OperationTypeAccountMerge, AccountMergeResult: &xdr.AccountMergeResult{Code: code}})
}

func optionsResult(code xdr.SetOptionsResultCode) xdr.OperationResult {
	return opResult(xdr.OperationResultTr{Type: xdr.OperationTypeSetOptions, SetOptionsResult: &xdr.SetOptionsResult{Code: code}})
}

func notSupported() xdr.OperationResult {
	return xdr.OperationResult{Code: xdr.OperationResultCodeOpNotSupported}
}

func succeeded(r xdr.OperationResult) bool {
	if r.Code != xdr.OperationResultCodeOpInner || r.Tr == nil {
		return false
	}
	switch t := r.Tr; t.Type {
	case xdr.OperationTypeCreateAccount:
		return t.CreateAccountResult.Code == xdr.CreateAccountResultCodeCreateAccountSuccess
	case xdr.OperationTypePayment:
		return t.PaymentResult.Code == xdr.PaymentResultCodePaymentSuccess
	case xdr.OperationTypeBumpSequence:
		return t.BumpSeqResult.Code == xdr.BumpSequenceResultCodeBumpSequenceSuccess
	case xdr.OperationTypeAccountMerge:
		return t.AccountMergeResult.Code == xdr.AccountMergeResultCodeAccountMergeSuccess
	case xdr.OperationTypeSetOptions:
		return t.SetOptionsResult.Code == xdr.SetOptionsResultCodeSetOptionsSuccess
	case xdr.OperationTypeInvokeHostFunction:
		return t.InvokeHostFunctionResult.Code == xdr.InvokeHostFunctionResultCodeInvokeHostFunctionSuccess
	case xdr.OperationTypeExtendFootprintTtl:
		return t.ExtendFootprintTtlResult.Code == xdr.ExtendFootprintTtlResultCodeExtendFootprintTtlSuccess
	case xdr.OperationTypeRestoreFootprint:
		return t.RestoreFootprintResult.Code == xdr.RestoreFootprintResultCodeRestoreFootprintSuccess
	default:
		return false
	}
}
