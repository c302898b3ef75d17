package devnet

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"

	"github.com/stellar/go-stellar-sdk/xdr"
)

func (l *closedLedger) headerEntry() xdr.LedgerHeaderHistoryEntry {
	return xdr.LedgerHeaderHistoryEntry{Hash: l.hash, Header: l.header}
}

// meta is the ledger as a core gives it to those that ingest it.
func (l *closedLedger) meta() xdr.LedgerCloseMeta {
	m := &xdr.LedgerCloseMetaV2{
		LedgerHeader: l.headerEntry(), TxSet: transactionSet(l.header.PreviousLedgerHash, l.txs),
		TotalByteSizeOfLiveSorobanState: stateSize,
	}
	for _, o := range l.txs {
		m.TxProcessing = append(m.TxProcessing, xdr.TransactionResultMetaV1{
			Result:                   xdr.TransactionResultPair{TransactionHash: o.hash, Result: o.decodedResult()},
			FeeProcessing:            decodeChanges(o.fee),
			TxApplyProcessing:        xdr.TransactionMeta{V: 4, V4: ptr(o.decodedMeta())},
			PostTxApplyFeeProcessing: decodeChanges(o.refund),
		})
	}
	for _, k := range l.evicted {
		var key xdr.LedgerKey
		mustDecode(&key, []byte(k))
		m.EvictedKeys = append(m.EvictedKeys, key)
	}
	return xdr.LedgerCloseMeta{V: 2, V2: m}
}

// decodeChanges knows that ledgers stored by older versions have none.
func decodeChanges(b []byte) xdr.LedgerEntryChanges {
	var changes xdr.LedgerEntryChanges
	if len(b) > 0 {
		mustDecode(&changes, b)
	}
	return changes
}

// transactionSet is what a ledger was agreed to hold: the classic transactions
// by what they pay for an operation, and the Soroban ones in a single cluster,
// since they are executed one after another.
func transactionSet(previous xdr.Hash, txs []*outcome) xdr.GeneralizedTransactionSet {
	txs = slices.SortedFunc(slices.Values(txs), func(a, b *outcome) int {
		x, y := sha256.Sum256(a.envelope), sha256.Sum256(b.envelope)
		return cmp.Or(cmp.Compare(a.inclusion, b.inclusion), bytes.Compare(x[:], y[:]))
	})
	classic, contracts := []xdr.TxSetComponent{}, &xdr.ParallelTxsComponent{}
	for _, o := range txs {
		var env xdr.TransactionEnvelope
		mustDecode(&env, o.envelope)
		fee := xdr.Int64(o.inclusion)
		switch last := len(classic) - 1; {
		case o.soroban:
			if contracts.ExecutionStages == nil {
				contracts.BaseFee, contracts.ExecutionStages = &fee, []xdr.ParallelTxExecutionStage{{nil}}
			}
			cluster := &contracts.ExecutionStages[0][0]
			*cluster = append(*cluster, env)
		case last >= 0 && *classic[last].TxsMaybeDiscountedFee.BaseFee == fee:
			same := classic[last].TxsMaybeDiscountedFee
			same.Txs = append(same.Txs, env)
		default:
			classic = append(classic, xdr.TxSetComponent{TxsMaybeDiscountedFee: &xdr.TxSetComponentTxsMaybeDiscountedFee{
				BaseFee: &fee, Txs: []xdr.TransactionEnvelope{env},
			}})
		}
	}
	return xdr.GeneralizedTransactionSet{V: 1, V1TxSet: &xdr.TransactionSetV1{PreviousLedgerHash: previous, Phases: []xdr.TransactionPhase{
		{V: 0, V0Components: &classic}, {V: 1, ParallelTxsComponent: contracts},
	}}}
}
