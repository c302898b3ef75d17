package devnet

import (
	"context"

	"github.com/stellar/go-stellar-sdk/xdr"
)

func isSorobanOp(op xdr.Operation) bool {
	switch op.Body.Type {
	case xdr.OperationTypeInvokeHostFunction, xdr.OperationTypeExtendFootprintTtl, xdr.OperationTypeRestoreFootprint:
		return true
	}
	return false
}

// checkForm judges what can be seen without the ledger.
func (v *validator) checkForm(t *transaction) *xdr.TransactionResult {
	tx := &t.inner.Tx
	if len(tx.Operations) == 0 {
		return t.refusedInner(xdr.TransactionResultCodeTxMissingOperation)
	}
	hasSoroban := false
	for _, op := range tx.Operations {
		hasSoroban = hasSoroban || isSorobanOp(op)
	}
	if hasSoroban != (t.soroban != nil) || hasSoroban && len(tx.Operations) != 1 {
		return t.refusedInner(xdr.TransactionResultCodeTxMalformed)
	}
	if hasSoroban && !plain(tx) {
		return t.refusedInner(xdr.TransactionResultCodeTxMalformed)
	}
	return nil
}

// plain tells whether a host function comes without memo and multiplexed
// accounts, which contracts cannot see.
func plain(tx *xdr.Transaction) bool {
	op := tx.Operations[0]
	muxed := tx.SourceAccount.Type == xdr.CryptoKeyTypeKeyTypeMuxedEd25519 ||
		op.SourceAccount != nil && op.SourceAccount.Type == xdr.CryptoKeyTypeKeyTypeMuxedEd25519
	return op.Body.Type != xdr.OperationTypeInvokeHostFunction || tx.Memo.Type == xdr.MemoTypeMemoNone && !muxed
}

// checkResources holds what a Soroban transaction declares against the limits
// and against the fee that it offers for it.
func (v *validator) checkResources(ctx context.Context, t *transaction) (*xdr.TransactionResult, error) {
	if t.soroban == nil {
		return nil, nil
	}
	refusal := t.refusedInner(xdr.TransactionResultCodeTxSorobanInvalid)
	if t.resourceFee() < 0 || !withinLimits(t) || !wellFormedFootprint(t) {
		return refusal, nil
	}
	if !t.isFeeBump() && t.resourceFee() > t.bid {
		return refusal, nil
	}
	least, err := v.minResourceFee(ctx, v.view, t)
	if err != nil {
		return nil, err
	}
	if t.resourceFee() < least {
		return refusal, nil
	}
	return nil, nil
}

func withinLimits(t *transaction) bool {
	r := t.soroban.Resources
	reads, writes := diskReads(t), len(r.Footprint.ReadWrite)
	return r.Instructions <= txMaxInstructions &&
		r.DiskReadBytes <= txMaxDiskReadBytes && reads <= txMaxDiskReads &&
		r.WriteBytes <= txMaxWriteBytes && writes <= txMaxWrites &&
		len(r.Footprint.ReadOnly)+writes <= txMaxFootprint && len(t.raw) <= txMaxSize
}

// diskReads counts the entries that are read from disk: those without a TTL,
// and archived ones.
func diskReads(t *transaction) int {
	n := len(t.restored())
	f := t.soroban.Resources.Footprint
	for _, keys := range [][]xdr.LedgerKey{f.ReadOnly, f.ReadWrite} {
		for _, k := range keys {
			if k.Type != xdr.LedgerEntryTypeContractData && k.Type != xdr.LedgerEntryTypeContractCode {
				n++
			}
		}
	}
	return n
}

func wellFormedFootprint(t *transaction) bool {
	f := t.soroban.Resources.Footprint
	seen := map[string]bool{}
	for _, keys := range [][]xdr.LedgerKey{f.ReadOnly, f.ReadWrite} {
		for _, k := range keys {
			switch k.Type {
			case xdr.LedgerEntryTypeAccount, xdr.LedgerEntryTypeTrustline, xdr.LedgerEntryTypeContractData, xdr.LedgerEntryTypeContractCode:
			default:
				return false
			}
			b := encode(k)
			if len(b) > maxKeySize || seen[string(b)] {
				return false
			}
			seen[string(b)] = true
		}
	}
	last := -1
	for _, i := range t.restored() { // strictly rising, persistent Soroban entries
		if int(i) <= last || int(i) >= len(f.ReadWrite) || !isPersistent(f.ReadWrite[i]) {
			return false
		}
		last = int(i)
	}
	return true
}

func isPersistent(k xdr.LedgerKey) bool {
	return k.Type == xdr.LedgerEntryTypeContractCode ||
		k.Type == xdr.LedgerEntryTypeContractData && k.ContractData.Durability == xdr.ContractDataDurabilityPersistent
}

func checkInvoke(op *xdr.InvokeHostFunctionOp) xdr.OperationResult {
	code := xdr.InvokeHostFunctionResultCodeInvokeHostFunctionSuccess
	if w := op.HostFunction.Wasm; w != nil && len(*w) > maxContractSize {
		code = xdr.InvokeHostFunctionResultCodeInvokeHostFunctionMalformed
	}
	return invokeResult(code)
}

func checkExtend(v view, t *transaction, op *xdr.ExtendFootprintTtlOp) xdr.OperationResult {
	f := t.soroban.Resources.Footprint
	code := xdr.ExtendFootprintTtlResultCodeExtendFootprintTtlSuccess
	if len(f.ReadWrite) > 0 || uint32(op.ExtendTo) >= maxTTL(v) {
		code = xdr.ExtendFootprintTtlResultCodeExtendFootprintTtlMalformed
	}
	for _, k := range f.ReadOnly {
		if k.Type != xdr.LedgerEntryTypeContractData && k.Type != xdr.LedgerEntryTypeContractCode {
			code = xdr.ExtendFootprintTtlResultCodeExtendFootprintTtlMalformed
		}
	}
	return extendResult(code)
}

func checkRestore(t *transaction) xdr.OperationResult {
	f := t.soroban.Resources.Footprint
	code := xdr.RestoreFootprintResultCodeRestoreFootprintSuccess
	if len(f.ReadOnly) > 0 {
		code = xdr.RestoreFootprintResultCodeRestoreFootprintMalformed
	}
	for _, k := range f.ReadWrite {
		if !isPersistent(k) {
			code = xdr.RestoreFootprintResultCodeRestoreFootprintMalformed
		}
	}
	return restoreResult(code)
}
