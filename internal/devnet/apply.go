package devnet

import (
	"context"

	"github.com/stellar/go-stellar-sdk/xdr"
)

// application is one transaction being applied.
type application struct {
	*transaction
	net *Network
	at  moment
	// The fee for inclusion, and all that was charged so far, in stroops.
	inclusion int64
	charged   int64
	unspent   int64 // the part of the resource fee that goes back
	results   []xdr.OperationResult
	events    []xdr.ContractEvent // of the last operation
	meta      xdr.TransactionMetaV4
	// What the fee, and the refund after all transactions, changed.
	feeChanges, refundChanges xdr.LedgerEntryChanges
}

// applyAll executes a ledger: first the fees of all, then one transaction after
// the other, last the refunds.
func (n *Network) applyAll(ctx context.Context, at moment, changes *layer, nominees []nominee) []*outcome {
	apps := make([]*application, 0, len(nominees))
	for _, nom := range nominees {
		a := &application{transaction: nom.tx, net: n, at: at, inclusion: nom.inclusion}
		a.chargeFee(changes)
		apps = append(apps, a)
	}
	codes := make([]xdr.TransactionResultCode, 0, len(apps))
	for _, a := range apps {
		codes = append(codes, a.apply(ctx, changes))
	}
	outcomes := make([]*outcome, 0, len(apps))
	for i, a := range apps {
		a.refund(changes)
		outcomes = append(outcomes, a.outcome(codes[i], i+1))
	}
	return outcomes
}

func (a *application) chargeFee(changes *layer) {
	payer := account(changes, a.feeSource)
	a.charged = min(a.inclusion+a.resourceFee(), int64(payer.Balance))
	payer.Balance -= xdr.Int64(a.charged)
	a.feeChanges = a.writeAccount(changes, payer)
}

// apply consumes the sequence number and executes the operations, all or none.
func (a *application) apply(ctx context.Context, changes *layer) xdr.TransactionResultCode {
	tx := &a.inner.Tx
	source := account(changes, a.source)
	// An earlier transaction of this ledger may have merged or bumped it.
	switch {
	case source == nil:
		return xdr.TransactionResultCodeTxNoAccount
	case source.SeqNum >= tx.SeqNum:
		return xdr.TransactionResultCodeTxBadSeq
	}
	bumpSequence(source, tx.SeqNum, a.at.ledger, a.at.closeTime)
	a.meta.TxChangesBefore = a.writeAccount(changes, source)

	all := newLayer(changes)
	ok := true
	for _, op := range tx.Operations {
		one := newLayer(all)
		r := a.operation(ctx, one, op)
		a.results = append(a.results, r)
		if ok = ok && succeeded(r); ok {
			a.meta.Operations = append(a.meta.Operations, xdr.OperationMetaV2{Changes: entryChanges(all, one), Events: a.events})
			one.commit(all)
		}
	}
	if !ok {
		a.meta.Operations = nil
		return xdr.TransactionResultCodeTxFailed
	}
	all.commit(changes)
	return xdr.TransactionResultCodeTxSuccess
}

func (a *application) operation(ctx context.Context, l *layer, op xdr.Operation) xdr.OperationResult {
	source := a.opSource(op)
	if account(l, source) == nil {
		return xdr.OperationResult{Code: xdr.OperationResultCodeOpNoAccount}
	}
	if a.soroban != nil {
		return a.applySoroban(ctx, l, source, op)
	}
	return applyClassic(l, a.at.ledger, source, op)
}

// refund gives back to the payer what was not used. Of a failed transaction
// that is the whole refundable part.
func (a *application) refund(changes *layer) {
	payer := account(changes, a.feeSource)
	if payer == nil || a.unspent <= 0 {
		return
	}
	payer.Balance += xdr.Int64(a.unspent)
	a.refundChanges = a.writeAccount(changes, payer)
	a.charged -= a.unspent
}

func (a *application) writeAccount(changes *layer, account *xdr.AccountEntry) xdr.LedgerEntryChanges {
	one := newLayer(changes)
	setAccount(one, account, a.at.ledger)
	written := entryChanges(changes, one)
	one.commit(changes)
	return written
}
