package devnet

import (
	"github.com/stellar/go-stellar-sdk/xdr"
)

// baseReserve is the balance in stroops that each entry of an account locks up;
// an account by itself counts as two.
const baseReserve = 5_000_000

func accountKey(id xdr.AccountId) string {
	return string(encode(xdr.LedgerKey{Type: xdr.LedgerEntryTypeAccount, Account: &xdr.LedgerKeyAccount{AccountId: id}}))
}

// account returns a copy that the caller may change, or nil.
func account(v view, id xdr.AccountId) *xdr.AccountEntry {
	e, ok := v.lookup(accountKey(id))
	if !ok {
		return nil
	}
	return decodeEntry(e.data).Data.Account
}

func setAccount(l *layer, a *xdr.AccountEntry, seq uint32) {
	data := encode(xdr.LedgerEntry{
		LastModifiedLedgerSeq: xdr.Uint32(seq),
		Data:                  xdr.LedgerEntryData{Type: xdr.LedgerEntryTypeAccount, Account: a},
	})
	l.set(accountKey(a.AccountId), &entry{data: data, live: noTTL, modified: seq})
}

// newAccount starts at the sequence number that its ledger gives, so that an
// account that was merged and made anew cannot replay old transactions.
func newAccount(id xdr.AccountId, balance int64, seq uint32) *xdr.AccountEntry {
	return &xdr.AccountEntry{
		AccountId:  id,
		Balance:    xdr.Int64(balance),
		SeqNum:     xdr.SequenceNumber(uint64(seq) << 32),
		Thresholds: xdr.Thresholds{1, 0, 0, 0},
	}
}

// available is the balance in stroops that may be spent.
func available(a *xdr.AccountEntry) int64 {
	return int64(a.Balance) - int64(2+a.NumSubEntries)*baseReserve
}

// bumpSequence consumes a sequence number and notes when, for the minimum-age
// preconditions.
func bumpSequence(a *xdr.AccountEntry, to xdr.SequenceNumber, ledger uint32, closed int64) {
	a.SeqNum = to
	if a.Ext.V == 0 {
		a.Ext = xdr.AccountEntryExt{V: 1, V1: &xdr.AccountEntryExtensionV1{}}
	}
	if a.Ext.V1.Ext.V == 0 {
		a.Ext.V1.Ext = xdr.AccountEntryExtensionV1Ext{V: 2, V2: &xdr.AccountEntryExtensionV2{}}
	}
	v2 := a.Ext.V1.Ext.V2
	// one sponsor slot per signer, as the protocol demands of this extension
	v2.SignerSponsoringIDs = make([]xdr.SponsorshipDescriptor, len(a.Signers))
	v2.Ext = xdr.AccountEntryExtensionV2Ext{V: 3, V3: &xdr.AccountEntryExtensionV3{
		SeqLedger: xdr.Uint32(ledger), SeqTime: xdr.TimePoint(closed),
	}}
}

// sequenceSet tells when the account's sequence number was consumed last.
func sequenceSet(a *xdr.AccountEntry) (ledger uint32, closed uint64) {
	if a.Ext.V1 == nil || a.Ext.V1.Ext.V2 == nil || a.Ext.V1.Ext.V2.Ext.V3 == nil {
		return 0, 0
	}
	v3 := a.Ext.V1.Ext.V2.Ext.V3
	return uint32(v3.SeqLedger), uint64(v3.SeqTime)
}
