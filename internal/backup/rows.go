package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math/bits"
)

// rowSum counts the rows of a COPY stream in text form, and adds up their hashes
// modulo 2²⁵⁶, so that the sum is the same in whatever order a database gives the
// rows. In that form a line break ends a row and stands nowhere else. It keeps
// nothing of a row, however long that is.
type rowSum struct {
	row   hash.Hash
	sum   [4]uint64 // least significant first
	rows  int64
	bytes int64
	open  bool // a row has begun
}

func newRowSum() *rowSum { return &rowSum{row: sha256.New()} }

func (s *rowSum) Write(p []byte) (int, error) {
	s.bytes += int64(len(p))
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		s.row.Write(line)
		s.open = !ended
		if ended {
			s.add()
		}
		rest = after
	}
	return len(p), nil
}

func (s *rowSum) add() {
	var buf [sha256.Size]byte
	h := s.row.Sum(buf[:0])
	var carry uint64
	for i := range s.sum {
		s.sum[i], carry = bits.Add64(s.sum[i], binary.LittleEndian.Uint64(h[8*i:]), carry)
	}
	s.row.Reset()
	s.rows++
}

func (s *rowSum) checksum() string {
	out := make([]byte, 0, sha256.Size)
	for _, word := range s.sum {
		out = binary.LittleEndian.AppendUint64(out, word)
	}
	return hex.EncodeToString(out)
}

// SumRows is what a table's rows add up to: write a COPY stream to it to compare
// what a database holds with what a manifest says, whatever the order.
type SumRows struct{ s *rowSum }

// NewSumRows begins at no rows.
func NewSumRows() SumRows { return SumRows{newRowSum()} }

func (s SumRows) Write(p []byte) (int, error) { return s.s.Write(p) }

// Equal tells whether the rows are those of a table of a manifest.
func (s SumRows) Equal(t Table) bool {
	return !s.s.open && s.s.rows == t.Rows && s.s.bytes == t.Bytes && s.s.checksum() == t.Checksum
}
