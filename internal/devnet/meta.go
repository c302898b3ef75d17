package devnet

import (
	"crypto/sha256"

	"github.com/stellar/go-stellar-sdk/xdr"
)

// entryChanges lists what a layer changes in the one below it, as a
// TransactionMeta does: the state before, then the change; the TTL of a Soroban
// entry is an entry of its own.
func entryChanges(below view, l *layer) xdr.LedgerEntryChanges {
	var out xdr.LedgerEntryChanges
	for _, k := range l.order {
		old, existed := below.lookup(k)
		now := l.changed[k]
		switch {
		case now == nil && existed:
			out = append(out, stateOf(decodeEntry(old.data)), removed(k))
			if old.live != noTTL {
				out = append(out, stateOf(ttlEntry(k, old)), removedTTL(k))
			}
		case now != nil && !existed:
			out = append(out, created(decodeEntry(now.data)))
			if now.live != noTTL {
				out = append(out, created(ttlEntry(k, *now)))
			}
		case now != nil:
			out = append(out, updates(k, old, *now)...)
		}
	}
	return out
}

func updates(k string, old, now entry) xdr.LedgerEntryChanges {
	var out xdr.LedgerEntryChanges
	if string(old.data) != string(now.data) {
		out = append(out, stateOf(decodeEntry(old.data)), updated(decodeEntry(now.data)))
	}
	if old.live != now.live {
		out = append(out, stateOf(ttlEntry(k, old)), updated(ttlEntry(k, now)))
	}
	return out
}

func ttlEntry(key string, e entry) xdr.LedgerEntry {
	return xdr.LedgerEntry{
		LastModifiedLedgerSeq: xdr.Uint32(e.modified),
		Data: xdr.LedgerEntryData{Type: xdr.LedgerEntryTypeTtl, Ttl: &xdr.TtlEntry{
			KeyHash: sha256.Sum256([]byte(key)), LiveUntilLedgerSeq: xdr.Uint32(e.live),
		}},
	}
}

func stateOf(e xdr.LedgerEntry) xdr.LedgerEntryChange {
	return xdr.LedgerEntryChange{Type: xdr.LedgerEntryChangeTypeLedgerEntryState, State: &e}
}

func created(e xdr.LedgerEntry) xdr.LedgerEntryChange {
	return xdr.LedgerEntryChange{Type: xdr.LedgerEntryChangeTypeLedgerEntryCreated, Created: &e}
}

func updated(e xdr.LedgerEntry) xdr.LedgerEntryChange {
	return xdr.LedgerEntryChange{Type: xdr.LedgerEntryChangeTypeLedgerEntryUpdated, Updated: &e}
}

func removed(key string) xdr.LedgerEntryChange {
	var k xdr.LedgerKey
	mustDecode(&k, []byte(key))
	return xdr.LedgerEntryChange{Type: xdr.LedgerEntryChangeTypeLedgerEntryRemoved, Removed: &k}
}

func removedTTL(key string) xdr.LedgerEntryChange {
	return xdr.LedgerEntryChange{Type: xdr.LedgerEntryChangeTypeLedgerEntryRemoved, Removed: &xdr.LedgerKey{
		Type: xdr.LedgerEntryTypeTtl, Ttl: &xdr.LedgerKeyTtl{KeyHash: sha256.Sum256([]byte(key))},
	}}
}
