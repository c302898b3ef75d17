package sorohost

import (
	"encoding/binary"
	"errors"
	"math"
)

// bundle is the wire format to the host and back: u32 LE count, then for each
// item u32 LE length and the bytes. Lists are bundles in bundles.
func bundle(items ...[]byte) []byte {
	size := 4
	for _, i := range items {
		size += 4 + len(i)
	}
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, size), uint32(len(items)))
	for _, i := range items {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(i)))
		b = append(b, i...)
	}
	return b
}

var errTruncated = errors.New("truncated bundle")

func unbundle(b []byte) ([][]byte, error) {
	count, b, err := cutNumber(b)
	if err != nil {
		return nil, err
	}
	var items [][]byte
	for range count {
		var size uint32
		if size, b, err = cutNumber(b); err != nil {
			return nil, err
		}
		if uint64(len(b)) < uint64(size) {
			return nil, errTruncated
		}
		items = append(items, b[:size:size])
		b = b[size:]
	}
	return items, nil
}

func cutNumber(b []byte) (uint32, []byte, error) {
	if len(b) < 4 {
		return 0, nil, errTruncated
	}
	return binary.LittleEndian.Uint32(b), b[4:], nil
}

func number(n int) []byte {
	return binary.LittleEndian.AppendUint32(nil, uint32(min(n, math.MaxUint32)))
}

// numbers reads exactly n u64 LE.
func numbers(b []byte, n int) ([]uint64, error) {
	if len(b) != 8*n {
		return nil, errTruncated
	}
	v := make([]uint64, n)
	for i := range v {
		v[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return v, nil
}
