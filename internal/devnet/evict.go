package devnet

import "github.com/stellar/go-stellar-sdk/xdr"

// expiry finds the temporary entries that end with a ledger: the used nonces of
// authorisations above all. Persistent entries stay, archived.
type expiry map[uint32][]string

// note is told every entry that is written.
func (x expiry) note(key string, e entry) {
	if e.live != noTTL && isTemporary(key) {
		x[uint32(e.live)] = append(x[uint32(e.live)], key)
	}
}

// isTemporary reads the durability from the end of a LedgerKey's XDR.
func isTemporary(key string) bool {
	return key[3] == byte(xdr.LedgerEntryTypeContractData) && key[len(key)-1] == byte(xdr.ContractDataDurabilityTemporary)
}

// evict deletes what ends with the ledgers from first until before next, unless
// it has been renewed, and returns the keys.
func (x expiry) evict(l *layer, first, next uint32) []string {
	var evicted []string
	for ended := first; ended < next; ended++ {
		for _, k := range x[ended] {
			if e, ok := l.lookup(k); ok && e.live == int64(ended) {
				l.set(k, nil)
				evicted = append(evicted, k)
			}
		}
		delete(x, ended)
	}
	return evicted
}
