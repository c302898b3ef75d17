package backup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// Reader gives the tables of a backup, in the order of its manifest:
//
//	for r.Next() {
//		COPY r.Table().Name (r.Table().Columns) FROM r
//	}
//	if err := r.Close(); err != nil { undo it all }
//
// What it gives is only known to be what was written when Close returns nil: restore
// in one transaction, or call Store.Verify first.
type Reader struct {
	// mu is held by Read and Stop: COPY reads in a goroutine of its own, which goes on for
	// a while when the database's connection is lost and COPY has returned.
	mu       sync.Mutex
	manifest Manifest
	raw      *summed
	from     io.ReadCloser
	tee      io.Reader
	unpacked *zstd.Decoder
	next     int
	rest     int64 // of the current table
	rows     *rowSum
	err      error
	closed   bool
}

// newReader takes over from.
func newReader(m Manifest, from io.ReadCloser, identities []age.Identity) *Reader {
	r := &Reader{manifest: m, from: from, raw: newSummed(io.Discard)}
	r.tee = io.TeeReader(from, r.raw)
	plain, err := age.Decrypt(r.tee, identities...)
	if err != nil {
		r.fail(err)
		return r
	}
	r.unpacked, err = zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		r.fail(err)
	}
	return r
}

// fail notes the first error, in the words of this package. Whatever a decoder
// complains of: when the bytes are not those that were written, that is the reason.
func (r *Reader) fail(err error) {
	if r.err != nil {
		return
	}
	if _, rest := io.Copy(io.Discard, r.tee); rest != nil {
		r.err = storeError(rest, "read the archive") // the store fails, which says nothing of the backup
		return
	}
	if r.err = compare(r.raw.archive(), r.manifest.Archive); r.err != nil {
		return
	}
	if _, wrong := errors.AsType[*age.NoIdentityMatchError](err); wrong {
		r.err = ErrWrongKey
		return
	}
	r.err = fmt.Errorf("%w: %w", ErrAltered, err)
}

// compare tells how an archive differs from what its manifest says.
func compare(got, want Archive) error {
	switch {
	case got.Bytes < want.Bytes:
		return fmt.Errorf("%w: %d bytes of %d are left", ErrTruncated, got.Bytes, want.Bytes)
	case got != want:
		return fmt.Errorf("%w: its checksum is not that of its manifest", ErrAltered)
	}
	return nil
}

// Next goes on to the next table, past what was not read of the one before. It is
// false after the last one and after an error, which Close returns.
func (r *Reader) Next() bool {
	if r.err == nil && r.rows != nil {
		if _, err := io.Copy(io.Discard, r); err != nil || r.err != nil {
			return false
		}
	}
	if r.err != nil || r.next == len(r.manifest.Tables) {
		return false
	}
	r.rest, r.rows = r.manifest.Tables[r.next].Bytes, newRowSum()
	r.next++
	return true
}

// Table is the current one.
func (r *Reader) Table() Table { return r.manifest.Tables[r.next-1] }

// Read reads the current table's rows. Its last answer is io.EOF only if they are
// those that were written. After Stop it gives nothing more: os.ErrClosed.
func (r *Reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, os.ErrClosed
	}
	if r.err != nil {
		return 0, r.err
	}
	if r.rest == 0 {
		if !(SumRows{r.rows}).Equal(r.Table()) {
			r.fail(fmt.Errorf("the rows of table %s are others", r.Table().Name))
			return 0, r.err
		}
		return 0, io.EOF
	}
	n, err := r.unpacked.Read(p[:min(int64(len(p)), r.rest)])
	r.rest -= int64(n)
	_, _ = r.rows.Write(p[:n]) // never fails
	if err != nil && (!errors.Is(err, io.EOF) || r.rest > 0) {
		r.fail(err)
		return n, r.err
	}
	return n, nil
}

// Close reads what is left, gives back what the reader holds, and tells whether all of
// it was as it was written.
func (r *Reader) Close() error {
	if r.closed {
		return r.err
	}
	for r.Next() {
		continue // Next reads each table to its end
	}
	if r.err == nil {
		r.finish()
	}
	return r.Stop()
}

// Stop gives back what the reader holds without reading on, and tells what was wrong
// with what was read. A Read that is under way ends before.
func (r *Reader) Stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return r.err
	}
	r.closed = true
	if r.unpacked != nil {
		r.unpacked.Close()
	}
	if err := r.from.Close(); err != nil && r.err == nil {
		r.err = storeError(err, "read the archive")
	}
	return r.err
}

// finish finds nothing after the last table, and the file as it was sent.
func (r *Reader) finish() {
	var more [1]byte
	if n, err := io.ReadFull(r.unpacked, more[:]); n > 0 || !errors.Is(err, io.EOF) {
		r.fail(errors.Join(errors.New("it does not end after its last table"), err))
		return
	}
	if _, err := io.Copy(io.Discard, r.tee); err != nil {
		r.err = storeError(err, "read the archive")
		return
	}
	r.err = compare(r.raw.archive(), r.manifest.Archive)
}
