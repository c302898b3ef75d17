package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// window bounds what the compressor looks back at, and so its memory and that of
// whoever reads the archive: some 4 MB, whatever the archive's size.
const window = 1 << 20

// ArchiveWriter writes the tables of one backup, one after the other. It keeps
// nothing of them.
type ArchiveWriter struct {
	out     *summed
	crypt   io.WriteCloser
	packed  *zstd.Encoder
	current *rowSum
	tables  []Table
	err     error
}

// summed counts what passes, and hashes it.
type summed struct {
	to  io.Writer
	sum hash.Hash
	n   int64
}

func newSummed(to io.Writer) *summed { return &summed{to: to, sum: sha256.New()} }

func (s *summed) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	s.sum.Write(p[:n])
	s.n += int64(n)
	return n, err
}

func (s *summed) archive() Archive { return Archive{s.n, hex.EncodeToString(s.sum.Sum(nil))} }

func newArchiveWriter(to io.Writer, recipients []age.Recipient) (*ArchiveWriter, error) {
	w := &ArchiveWriter{out: newSummed(to)}
	var err error
	if w.crypt, err = age.Encrypt(w.out, recipients...); err != nil {
		return nil, fmt.Errorf("encrypt the archive: %w", err)
	}
	w.packed, err = zstd.NewWriter(w.crypt, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("compress the archive: %w", err)
	}
	return w, nil
}

// Table begins the next table. Its rows are written to w itself, in COPY's text form,
// until the next one begins or the archive ends.
func (w *ArchiveWriter) Table(t Table) {
	w.endTable()
	w.tables = append(w.tables, t)
	w.current = newRowSum()
}

func (w *ArchiveWriter) endTable() {
	if w.current == nil {
		return
	}
	t := &w.tables[len(w.tables)-1]
	if w.current.open {
		w.err = fmt.Errorf("the last row of table %s does not end", t.Name)
	}
	t.Rows, t.Bytes, t.Checksum = w.current.rows, w.current.bytes, w.current.checksum()
	w.current = nil
}

func (w *ArchiveWriter) Write(p []byte) (int, error) {
	n, err := w.packed.Write(p)
	_, _ = w.current.Write(p[:n]) // never fails
	if err != nil {
		return n, storeError(err, "write to the backup store")
	}
	return n, nil
}

// close ends the archive. The tables are known then.
func (w *ArchiveWriter) close() ([]Table, Archive, error) {
	if w.endTable(); w.err != nil {
		return nil, Archive{}, w.err
	}
	if err := w.packed.Close(); err != nil {
		return nil, Archive{}, storeError(err, "write to the backup store")
	}
	if err := w.crypt.Close(); err != nil {
		return nil, Archive{}, storeError(err, "write to the backup store")
	}
	return w.tables, w.out.archive(), nil
}
