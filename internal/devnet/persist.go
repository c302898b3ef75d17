package devnet

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// storeFormat is the version of what is stored: another one is refused.
const storeFormat = "1"

var (
	metaBucket    = []byte("meta")    // format, passphrase
	entriesBucket = []byte("entries") // LedgerKey XDR -> storedEntry
	ledgersBucket = []byte("ledgers") // sequence, big endian -> JSON of storedLedger

	formatKey     = []byte("format")
	passphraseKey = []byte("passphrase")
)

// store keeps ledgers in a file, each in one transaction, so that after a crash
// the last one is there whole or not at all. A nil store keeps nothing.
type store struct {
	db *bbolt.DB
}

func openStore(dir, passphrase string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the ledger's directory: %w", err)
	}
	path := filepath.Join(dir, "ledger.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("open the ledger in %s: another process has it open", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the ledger in %s: %w", path, err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error { return identify(tx, passphrase) }); err != nil {
		return nil, errors.Join(fmt.Errorf("open the ledger in %s: %w", path, err), db.Close())
	}
	return &store{db}, nil
}

// identify marks a new file, and refuses that of another network.
func identify(tx *bbolt.Tx, passphrase string) error {
	for _, b := range [][]byte{metaBucket, entriesBucket, ledgersBucket} {
		if _, err := tx.CreateBucketIfNotExists(b); err != nil {
			return err
		}
	}
	meta := tx.Bucket(metaBucket)
	for _, mark := range []struct {
		key  []byte
		want string
	}{{formatKey, storeFormat}, {passphraseKey, passphrase}} {
		got := meta.Get(mark.key)
		if got == nil {
			if err := meta.Put(mark.key, []byte(mark.want)); err != nil {
				return err
			}
			continue
		}
		if string(got) != mark.want {
			return fmt.Errorf("it was made with %s %q, not %q: choose another data directory", mark.key, got, mark.want)
		}
	}
	return nil
}

func (s *store) Close() error {
	if s == nil {
		return nil
	}
	return s.db.Close()
}

// save writes a ledger, and forgets those before oldest.
func (s *store) save(b *block, oldest uint32) error {
	if s == nil {
		return nil
	}
	record, err := json.Marshal(newStoredLedger(b))
	if err != nil {
		return fmt.Errorf("encode ledger %d: %w", b.at.ledger, err)
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		entries, ledgers := tx.Bucket(entriesBucket), tx.Bucket(ledgersBucket)
		for _, k := range b.changes.order {
			if err := saveEntry(entries, k, b.changes.changed[k]); err != nil {
				return err
			}
		}
		c := ledgers.Cursor()
		for k, _ := c.First(); k != nil && binary.BigEndian.Uint32(k) < oldest; k, _ = c.First() {
			if err := c.Delete(); err != nil {
				return err
			}
		}
		return ledgers.Put(binary.BigEndian.AppendUint32(nil, b.at.ledger), record)
	})
	if err != nil {
		return fmt.Errorf("store ledger %d: %w", b.at.ledger, err)
	}
	return nil
}

func saveEntry(entries *bbolt.Bucket, key string, e *entry) error {
	if e == nil {
		return entries.Delete([]byte(key))
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(e.live))
	b = binary.BigEndian.AppendUint32(b, e.modified)
	return entries.Put([]byte(key), append(b, e.data...))
}

// load reads the whole ledger back; ok is false when there is none yet.
func (s *store) load(h *history) (l *ledger, ok bool, err error) {
	if s == nil {
		return nil, false, nil
	}
	l = &ledger{state: state{}}
	err = s.db.View(func(tx *bbolt.Tx) error {
		err := tx.Bucket(entriesBucket).ForEach(func(k, v []byte) error {
			if len(v) < 12 {
				return fmt.Errorf("entry %x is cut off", k)
			}
			l.state[string(k)] = entry{
				live: int64(binary.BigEndian.Uint64(v)), modified: binary.BigEndian.Uint32(v[8:]), data: append([]byte(nil), v[12:]...),
			}
			return nil
		})
		if err != nil {
			return err
		}
		return tx.Bucket(ledgersBucket).ForEach(func(_, v []byte) error {
			var stored storedLedger
			if err := json.Unmarshal(v, &stored); err != nil {
				return fmt.Errorf("decode a ledger: %w", err)
			}
			h.append(stored.closedLedger())
			return nil
		})
	})
	if err != nil {
		return nil, false, fmt.Errorf("load the ledger from %s: %w", s.db.Path(), err)
	}
	if len(h.ledgers) == 0 {
		return nil, false, nil
	}
	last := h.latest()
	l.seq, l.closeTime, l.header, l.hash = last.seq, last.closeTime, last.header, last.hash
	return l, true, nil
}
