package devnet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/devnet/sorohost"
)

// applySoroban has the host execute the operation and keeps its changes.
func (a *application) applySoroban(ctx context.Context, l *layer, source xdr.AccountId, op xdr.Operation) xdr.OperationResult {
	r, err := a.execute(ctx, l, source, op)
	if err != nil {
		// The host did not even start: XDR that it cannot read. To the sender this
		// looks like a trap; the reason is in the log.
		a.net.cfg.Logger.Warn("execute a Soroban operation", "hash", a.hash.HexString(), "error", err)
		r.Status = sorohost.Trapped
	}
	a.diagnose(r.Diagnostics)
	a.unspent = a.resourceFee() - r.NonRefundableFee
	code := a.judge(r)
	if code != xdr.InvokeHostFunctionResultCodeInvokeHostFunctionSuccess {
		r.RentFee, r.EventsFee = 0, 0
	}
	a.unspent -= r.RentFee + r.EventsFee
	a.meta.SorobanMeta = &xdr.SorobanTransactionMetaV2{Ext: xdr.SorobanTransactionMetaExt{V: 1, V1: &xdr.SorobanTransactionMetaExtV1{
		TotalNonRefundableResourceFeeCharged: xdr.Int64(r.NonRefundableFee),
		TotalRefundableResourceFeeCharged:    xdr.Int64(r.RentFee + r.EventsFee),
		RentFeeCharged:                       xdr.Int64(r.RentFee),
	}}}
	if code != xdr.InvokeHostFunctionResultCodeInvokeHostFunctionSuccess {
		return sorobanResult(op.Body.Type, code)
	}
	for _, c := range r.Changes {
		a.keep(l, c)
	}
	if op.Body.Type != xdr.OperationTypeInvokeHostFunction {
		return sorobanResult(op.Body.Type, code)
	}
	return a.succeed(r)
}

func (a *application) execute(ctx context.Context, l *layer, source xdr.AccountId, op xdr.Operation) (sorohost.Result, error) {
	engine, info, resources := a.net.engine, a.net.info(a.at), encode(a.soroban.Resources)
	invoke := op.Body.InvokeHostFunctionOp
	if invoke == nil {
		return engine.TTL(ctx, hostView{l}, info, encode(op.Body), resources, len(a.raw))
	}
	var auth [][]byte
	for _, entry := range invoke.Auth {
		auth = append(auth, encode(entry))
	}
	return engine.Invoke(ctx, hostView{l}, sorohost.InvokeArgs{
		Function: encode(invoke.HostFunction), Resources: resources, Restored: a.restored(), Source: encode(source),
		Auth: auth, Info: info, EnvelopeSize: len(a.raw),
		Seed: sha256.Sum256(binary.BigEndian.AppendUint32(bytes.Clone(a.hash[:]), a.at.ledger)),
	})
}

// judge adds the limits that stand outside the host. Its codes are those of
// InvokeHostFunction: the TTL operations have the same ones.
func (a *application) judge(r sorohost.Result) xdr.InvokeHostFunctionResultCode {
	written := 0
	for _, c := range r.Changes {
		written += len(c.Value)
	}
	switch {
	case r.Status == sorohost.EntryArchived:
		return xdr.InvokeHostFunctionResultCodeInvokeHostFunctionEntryArchived
	case r.Status == sorohost.ResourceLimitExceeded, written > int(a.soroban.Resources.WriteBytes), r.EventsSize > txMaxEventsSize:
		return xdr.InvokeHostFunctionResultCodeInvokeHostFunctionResourceLimitExceeded
	case r.Status != sorohost.OK:
		return xdr.InvokeHostFunctionResultCodeInvokeHostFunctionTrapped
	case a.unspent < r.RentFee+r.EventsFee:
		return xdr.InvokeHostFunctionResultCodeInvokeHostFunctionInsufficientRefundableFee
	}
	return xdr.InvokeHostFunctionResultCodeInvokeHostFunctionSuccess
}

// keep writes one change of the host into the layer.
func (a *application) keep(l *layer, c sorohost.Change) {
	key := string(c.Key)
	old, exists := l.lookup(key)
	switch {
	case c.ReadOnly:
		if exists && c.HasTTL && c.NewTTL > c.OldTTL {
			old.live = int64(c.NewTTL)
			l.set(key, &old)
		}
	case len(c.Value) == 0:
		if exists {
			l.set(key, nil)
		}
	default:
		live := int64(noTTL)
		if c.HasTTL {
			live = int64(c.NewTTL)
		}
		e := decodeEntry(c.Value)
		e.LastModifiedLedgerSeq = xdr.Uint32(a.at.ledger)
		l.set(key, &entry{data: encode(e), live: live, modified: a.at.ledger})
	}
}

// succeed records return value and events; the result holds only their hash.
func (a *application) succeed(r sorohost.Result) xdr.OperationResult {
	var image xdr.InvokeHostFunctionSuccessPreImage
	mustDecode(&image.ReturnValue, r.Value)
	for _, b := range r.Events {
		var e xdr.ContractEvent
		mustDecode(&e, b)
		image.Events = append(image.Events, e)
	}
	a.events = image.Events
	a.meta.SorobanMeta.ReturnValue = &image.ReturnValue
	result := invokeResult(xdr.InvokeHostFunctionResultCodeInvokeHostFunctionSuccess)
	result.Tr.InvokeHostFunctionResult.Success = ptr(xdr.Hash(sha256.Sum256(encode(image))))
	return result
}

func (a *application) diagnose(events [][]byte) {
	for _, b := range events {
		var e xdr.DiagnosticEvent
		mustDecode(&e, b)
		a.meta.DiagnosticEvents = append(a.meta.DiagnosticEvents, e)
	}
}

// sorobanResult says in the terms of the operation what judge said in those of
// InvokeHostFunction.
func sorobanResult(op xdr.OperationType, code xdr.InvokeHostFunctionResultCode) xdr.OperationResult {
	extend := map[xdr.InvokeHostFunctionResultCode]xdr.ExtendFootprintTtlResultCode{
		xdr.InvokeHostFunctionResultCodeInvokeHostFunctionSuccess:                   xdr.ExtendFootprintTtlResultCodeExtendFootprintTtlSuccess,
		xdr.InvokeHostFunctionResultCodeInvokeHostFunctionTrapped:                   xdr.ExtendFootprintTtlResultCodeExtendFootprintTtlMalformed,
		xdr.InvokeHostFunctionResultCodeInvokeHostFunctionResourceLimitExceeded:     xdr.ExtendFootprintTtlResultCodeExtendFootprintTtlResourceLimitExceeded,
		xdr.InvokeHostFunctionResultCodeInvokeHostFunctionInsufficientRefundableFee: xdr.ExtendFootprintTtlResultCodeExtendFootprintTtlInsufficientRefundableFee,
	}
	switch op {
	case xdr.OperationTypeExtendFootprintTtl:
		return extendResult(extend[code])
	case xdr.OperationTypeRestoreFootprint:
		return restoreResult(xdr.RestoreFootprintResultCode(extend[code])) // the same numbers
	default:
		return invokeResult(code)
	}
}
