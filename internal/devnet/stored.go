package devnet

import (
	"github.com/stellar/go-stellar-sdk/xdr"
)

// storedLedger is a closedLedger in the store.
type storedLedger struct {
	Header  []byte              `json:"header"` // LedgerHeader XDR
	Hash    []byte              `json:"hash"`
	Evicted [][]byte            `json:"evicted,omitempty"` // LedgerKey XDR
	FillBid int64               `json:"fillBid,omitempty"`
	Txs     []storedTransaction `json:"txs,omitempty"`
}

// storedTransaction is an outcome in the store; what can be derived is left out.
type storedTransaction struct {
	Hash      []byte `json:"hash"`
	InnerHash []byte `json:"innerHash"`
	Envelope  []byte `json:"envelope"`
	Result    []byte `json:"result"`
	Meta      []byte `json:"meta"`
	Fee       []byte `json:"fee,omitempty"`    // LedgerEntryChanges XDR
	Refund    []byte `json:"refund,omitempty"` // LedgerEntryChanges XDR
	OK        bool   `json:"ok"`
	FeeBump   bool   `json:"feeBump,omitempty"`
	Soroban   bool   `json:"soroban,omitempty"`
	Charged   int64  `json:"charged"`
	Inclusion uint64 `json:"inclusion"`
}

func newStoredLedger(b *block) storedLedger {
	s := storedLedger{Header: encode(b.header), Hash: b.hash[:], FillBid: b.fillBid}
	for _, k := range b.evicted {
		s.Evicted = append(s.Evicted, []byte(k))
	}
	for _, o := range b.txs {
		s.Txs = append(s.Txs, storedTransaction{
			Hash: o.hash[:], InnerHash: o.innerHash[:], Envelope: o.envelope, Result: o.result, Meta: o.meta, Fee: o.fee, Refund: o.refund,
			OK: o.ok, FeeBump: o.feeBump, Soroban: o.soroban, Charged: int64(o.charged), Inclusion: o.inclusion,
		})
	}
	return s
}

func (s storedLedger) closedLedger() *closedLedger {
	l := &closedLedger{hash: xdr.Hash(s.Hash), fillBid: s.FillBid}
	mustDecode(&l.header, s.Header)
	l.seq, l.closeTime = uint32(l.header.LedgerSeq), int64(l.header.ScpValue.CloseTime)
	for _, k := range s.Evicted {
		l.evicted = append(l.evicted, string(k))
	}
	for i, t := range s.Txs {
		l.txs = append(l.txs, &outcome{
			hash: xdr.Hash(t.Hash), innerHash: xdr.Hash(t.InnerHash), envelope: t.Envelope, result: t.Result, meta: t.Meta, fee: t.Fee, refund: t.Refund,
			ok: t.OK, feeBump: t.FeeBump, soroban: t.Soroban, charged: xdr.Int64(t.Charged), inclusion: t.Inclusion,
			order: int32(i + 1), ledger: l.seq, closeTime: l.closeTime,
		})
	}
	return l
}
