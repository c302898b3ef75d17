package devnet

import (
	"encoding"
	"fmt"

	"github.com/stellar/go-stellar-sdk/xdr"
)

// noTTL marks entries that never expire: accounts and settings.
const noTTL = -1

// entry is a ledger entry as the host reads it.
type entry struct {
	data     []byte // LedgerEntry XDR
	live     int64  // last ledger in which it is live, or noTTL
	modified uint32 // ledger of the last change
}

// view is a state of the ledger, by LedgerKey XDR.
type view interface {
	lookup(key string) (entry, bool)
}

// state is the ledger after the last close. Only the closing of a ledger writes
// to it, under Network.mu.
type state map[string]entry

func (s state) lookup(key string) (entry, bool) {
	e, ok := s[key]
	return e, ok
}

// layer holds changes over a view: those of a ledger, of a transaction, or of
// an operation. Dropping it undoes them.
type layer struct {
	below   view
	changed map[string]*entry // nil: removed
	order   []string          // keys in the order of their first change
}

func newLayer(below view) *layer {
	return &layer{below: below, changed: map[string]*entry{}}
}

func (l *layer) lookup(key string) (entry, bool) {
	if e, ok := l.changed[key]; ok {
		if e == nil {
			return entry{}, false
		}
		return *e, true
	}
	return l.below.lookup(key)
}

// set puts an entry, or removes the key when e is nil.
func (l *layer) set(key string, e *entry) {
	if _, ok := l.changed[key]; !ok {
		l.order = append(l.order, key)
	}
	l.changed[key] = e
}

// commit hands the changes to the layer below.
func (l *layer) commit(below *layer) {
	for _, k := range l.order {
		below.set(k, l.changed[k])
	}
}

// hostView lets the Soroban host read a view.
type hostView struct{ view }

func (h hostView) Get(key []byte) ([]byte, int64, bool) {
	e, ok := h.lookup(string(key))
	return e.data, e.live, ok
}

// encode marshals a value that this package built or has decoded, which cannot
// fail: an error is a bug here.
func encode(v encoding.BinaryMarshaler) []byte {
	b, err := v.MarshalBinary()
	if err != nil {
		panic(fmt.Sprintf("devnet: marshal %T: %v", v, err))
	}
	return b
}

// decodeEntry reads an entry that this package or the host has written.
func decodeEntry(b []byte) xdr.LedgerEntry {
	var e xdr.LedgerEntry
	mustDecode(&e, b)
	return e
}

// mustDecode is for bytes of our own: an error is a bug here.
func mustDecode(v encoding.BinaryUnmarshaler, b []byte) {
	if err := v.UnmarshalBinary(b); err != nil {
		panic(fmt.Sprintf("devnet: unmarshal %T: %v", v, err))
	}
}

func ptr[T any](v T) *T { return &v }
