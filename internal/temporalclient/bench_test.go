package temporalclient_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
)

// BenchmarkCodec encrypts and decrypts a payload of the size of a step's input.
func BenchmarkCodec(b *testing.B) {
	codec := newCodec(b, key("k", 7))
	plain := []*commonpb.Payload{{
		Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: bytes.Repeat([]byte("x"), 300),
	}}
	encrypted, err := codec.Encode(plain)
	require.NoError(b, err)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := codec.Encode(plain); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := codec.Decode(encrypted); err != nil {
				b.Fatal(err)
			}
		}
	})
}
