package devnet

import (
	"cmp"
	"context"
	"slices"

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
	wrong := cmp.Or(limitFault(t), footprintFault(t), archivedFault(t))
	if wrong == nil && !t.isFeeBump() && t.resourceFee() > t.bid {
		wrong = newFault(xdr.ScErrorTypeSceStorage, xdr.ScErrorCodeScecExceededLimit,
			"transaction `sorobanData.resourceFee` is higher than the full transaction fee", uint64(t.resourceFee()), uint64(t.bid))
	}
	if wrong == nil {
		least, err := v.minResourceFee(ctx, v.view, t)
		if err != nil {
			return nil, err
		}
		if t.resourceFee() < least {
			wrong = newFault(xdr.ScErrorTypeSceStorage, xdr.ScErrorCodeScecExceededLimit,
				"transaction `sorobanData.resourceFee` is lower than the actual Soroban resource fee", uint64(t.resourceFee()), uint64(least))
		}
	}
	if wrong == nil {
		return nil, nil
	}
	v.fault = wrong
	return t.refusedInner(xdr.TransactionResultCodeTxSorobanInvalid), nil
}

// limitFault looks for a resource beyond the network's limit for a transaction.
func limitFault(t *transaction) *fault {
	r := t.soroban.Resources
	reads, writes := diskReads(t), len(r.Footprint.ReadWrite)
	for _, l := range []struct {
		kind       xdr.ScErrorType
		what       string
		got, limit int
	}{
		{xdr.ScErrorTypeSceBudget, "transaction instructions resources exceed network config limit", int(r.Instructions), txMaxInstructions},
		{xdr.ScErrorTypeSceStorage, "transaction byte-read resources exceed network config limit", int(r.DiskReadBytes), txMaxDiskReadBytes},
		{xdr.ScErrorTypeSceStorage, "transaction byte-write resources exceed network config limit", int(r.WriteBytes), txMaxWriteBytes},
		{xdr.ScErrorTypeSceStorage, "the number of entries in transaction footprint exceeds the network config limit", len(r.Footprint.ReadOnly) + writes, txMaxFootprint},
		{xdr.ScErrorTypeSceStorage, "transaction entry-disk-read resources exceed network config limit", reads, txMaxDiskReads},
		{xdr.ScErrorTypeSceStorage, "transaction entry-write resources exceed network config limit", writes, txMaxWrites},
		{xdr.ScErrorTypeSceBudget, "total transaction size exceeds network config limit", len(t.raw), txMaxSize},
	} {
		if l.got > l.limit {
			return newFault(l.kind, xdr.ScErrorCodeScecExceededLimit, l.what, uint64(l.got), uint64(l.limit))
		}
	}
	if t.resourceFee() < 0 {
		return newFault(xdr.ScErrorTypeSceStorage, xdr.ScErrorCodeScecInvalidInput, "transaction `sorobanData.resourceFee` is negative")
	}
	return nil
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

func footprintFault(t *transaction) *fault {
	f := t.soroban.Resources.Footprint
	seen := map[string]bool{}
	for _, k := range slices.Concat(f.ReadOnly, f.ReadWrite) {
		switch k.Type {
		case xdr.LedgerEntryTypeAccount, xdr.LedgerEntryTypeTrustline, xdr.LedgerEntryTypeContractData, xdr.LedgerEntryTypeContractCode:
		default:
			return newFault(xdr.ScErrorTypeSceStorage, xdr.ScErrorCodeScecUnexpectedType,
				"transaction footprint contains unsupported ledger key type", uint64(k.Type))
		}
		b := string(encode(k))
		if len(b) > maxKeySize {
			return newFault(xdr.ScErrorTypeSceStorage, xdr.ScErrorCodeScecExceededLimit,
				"transaction footprint key exceeds network config limit", uint64(len(b)), maxKeySize)
		}
		if seen[b] {
			return newFault(xdr.ScErrorTypeSceStorage, xdr.ScErrorCodeScecInvalidInput,
				"Found duplicate key in the Soroban footprint; every key across read-only and read-write footprints has to be unique.")
		}
		seen[b] = true
	}
	return nil
}

// archivedFault looks at the indices of the entries that are restored: they rise
// strictly and name persistent Soroban entries.
func archivedFault(t *transaction) *fault {
	written, last := t.soroban.Resources.Footprint.ReadWrite, -1
	wrong := func(message string, numbers ...uint64) *fault {
		return newFault(xdr.ScErrorTypeSceStorage, xdr.ScErrorCodeScecInvalidInput, message, numbers...)
	}
	for _, i := range t.restored() {
		switch {
		case int(i) <= last:
			return wrong("archivedSorobanEntries must be sorted in ascending order")
		case int(i) >= len(written):
			return wrong("archivedSorobanEntries index is out of bounds", uint64(i), uint64(len(written)))
		case !isPersistent(written[i]):
			return wrong("archivedSorobanEntries index points to a non-persistent entry", uint64(i), uint64(written[i].Type))
		}
		last = int(i)
	}
	return nil
}

func isPersistent(k xdr.LedgerKey) bool {
	return k.Type == xdr.LedgerEntryTypeContractCode ||
		k.Type == xdr.LedgerEntryTypeContractData && k.ContractData.Durability == xdr.ContractDataDurabilityPersistent
}

func (v *validator) checkInvoke(op *xdr.InvokeHostFunctionOp) xdr.OperationResult {
	if w := op.HostFunction.Wasm; w != nil && len(*w) > maxContractSize {
		v.fault = newFault(xdr.ScErrorTypeSceBudget, xdr.ScErrorCodeScecExceededLimit,
			"uploaded Wasm size exceeds network config maximum contract size", uint64(len(*w)), maxContractSize)
		return invokeResult(xdr.InvokeHostFunctionResultCodeInvokeHostFunctionMalformed)
	}
	return invokeResult(xdr.InvokeHostFunctionResultCodeInvokeHostFunctionSuccess)
}

func (v *validator) checkExtend(t *transaction, op *xdr.ExtendFootprintTtlOp) xdr.OperationResult {
	f, longest := t.soroban.Resources.Footprint, maxTTL(v.view)-1
	hasNoTTL := func(k xdr.LedgerKey) bool {
		return k.Type != xdr.LedgerEntryTypeContractData && k.Type != xdr.LedgerEntryTypeContractCode
	}
	switch {
	case len(f.ReadWrite) > 0:
		v.fault = newFault(xdr.ScErrorTypeSceStorage, xdr.ScErrorCodeScecInvalidInput, "read-write footprint must be empty for ExtendFootprintTTL operation")
	case slices.ContainsFunc(f.ReadOnly, hasNoTTL):
		v.fault = newFault(xdr.ScErrorTypeSceStorage, xdr.ScErrorCodeScecInvalidInput, "only entries with TTL (contract data or code entries) can have it extended")
	case uint32(op.ExtendTo) > longest:
		v.fault = newFault(xdr.ScErrorTypeSceStorage, xdr.ScErrorCodeScecInvalidInput, "TTL extension is too large", uint64(op.ExtendTo), uint64(longest))
	default:
		return extendResult(xdr.ExtendFootprintTtlResultCodeExtendFootprintTtlSuccess)
	}
	return extendResult(xdr.ExtendFootprintTtlResultCodeExtendFootprintTtlMalformed)
}

func (v *validator) checkRestore(t *transaction) xdr.OperationResult {
	f := t.soroban.Resources.Footprint
	switch {
	case len(f.ReadOnly) > 0:
		v.fault = newFault(xdr.ScErrorTypeSceStorage, xdr.ScErrorCodeScecInvalidInput, "read-only footprint must be empty for RestoreFootprint operation")
	case slices.ContainsFunc(f.ReadWrite, func(k xdr.LedgerKey) bool { return !isPersistent(k) }):
		v.fault = newFault(xdr.ScErrorTypeSceStorage, xdr.ScErrorCodeScecInvalidInput, "only persistent Soroban entries can be restored")
	default:
		return restoreResult(xdr.RestoreFootprintResultCodeRestoreFootprintSuccess)
	}
	return restoreResult(xdr.RestoreFootprintResultCodeRestoreFootprintMalformed)
}
