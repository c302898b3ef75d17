package temporalclient_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/temporalclient"
)

func key(id string, fill byte) temporalclient.Key {
	return temporalclient.Key{ID: id, Secret: bytes.Repeat([]byte{fill}, 32)}
}

func newCodec(t require.TestingT, keys ...temporalclient.Key) *temporalclient.Codec {
	codec, err := temporalclient.NewCodec(keys)
	require.NoError(t, err)
	return codec
}

var (
	payloads = rapid.SliceOf(rapid.Custom(func(t *rapid.T) *commonpb.Payload {
		return &commonpb.Payload{
			Metadata: rapid.MapOf(
				rapid.StringN(1, 20, -1),
				rapid.SliceOf(rapid.Byte()),
			).Draw(t, "metadata"),
			Data: rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
		}
	}))
	secrets = rapid.Custom(func(t *rapid.T) temporalclient.Key {
		return temporalclient.Key{
			ID:     rapid.StringN(1, 10, -1).Draw(t, "id"),
			Secret: rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"),
		}
	})
)

func requireSame(t require.TestingT, want, got []*commonpb.Payload) {
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, proto.Equal(want[i], got[i]), "payload %d: want %v, got %v", i, want[i], got[i])
	}
}

func TestCodecRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		codec := newCodec(t, secrets.Draw(t, "key"))
		want := payloads.Draw(t, "payloads")
		encoded, err := codec.Encode(want)
		require.NoError(t, err)
		for i, payload := range encoded {
			require.Equal(t, "binary/encrypted", string(payload.Metadata[converter.MetadataEncoding]))
			require.Len(t, payload.Metadata, 2, "no metadata in clear")
			if len(want[i].Data) > 8 {
				require.NotContains(t, string(payload.Data), string(want[i].Data))
			}
		}
		got, err := codec.Decode(encoded)
		require.NoError(t, err)
		requireSame(t, want, got)
	})
}

func TestCodecNeverEncryptsTheSameWayTwice(t *testing.T) {
	t.Parallel()
	codec := newCodec(t, key("k1", 1))
	payload := []*commonpb.Payload{{Data: []byte("the same")}}
	first, err := codec.Encode(payload)
	require.NoError(t, err)
	second, err := codec.Encode(payload)
	require.NoError(t, err)
	require.NotEqual(t, first[0].Data, second[0].Data)
}

// TestCodecPassesPlainPayloadsThrough: signals from the command line are in
// clear.
func TestCodecPassesPlainPayloadsThrough(t *testing.T) {
	t.Parallel()
	codec := newCodec(t, key("k1", 1))
	plain, err := converter.GetDefaultDataConverter().ToPayloads(map[string]string{"actor": "ada"}, nil)
	require.NoError(t, err)
	secret, err := codec.Encode(plain.Payloads[1:])
	require.NoError(t, err)
	got, err := codec.Decode([]*commonpb.Payload{plain.Payloads[0], secret[0]})
	require.NoError(t, err)
	requireSame(t, plain.Payloads, got)
}

func TestCodecReadsReplacedKeys(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfNDistinct(secrets, 2, 5, func(k temporalclient.Key) string { return k.ID }).Draw(t, "keys")
		want := payloads.Draw(t, "payloads")
		old := newCodec(t, keys[1:]...)
		encoded, err := old.Encode(want)
		require.NoError(t, err)

		got, err := newCodec(t, keys...).Decode(encoded)
		require.NoError(t, err)
		requireSame(t, want, got)

		if len(want) > 0 {
			_, err = newCodec(t, keys[0]).Decode(encoded)
			require.ErrorContains(t, err, "not in PAYLOAD_KEYS")
		}
	})
}

func TestCodecRefusesTheWrongSecret(t *testing.T) {
	t.Parallel()
	encoded, err := newCodec(t, key("k1", 1)).Encode([]*commonpb.Payload{{Data: []byte("x")}})
	require.NoError(t, err)
	_, err = newCodec(t, key("k1", 2)).Decode(encoded)
	require.ErrorContains(t, err, "another key has that id")
}

// TestCodecRefusesAlteredPayloads changes one bit of the data, or the id to
// that of a key with the same secret.
func TestCodecRefusesAlteredPayloads(t *testing.T) {
	t.Parallel()
	codec := newCodec(t, key("k1", 1), key("k2", 1))
	rapid.Check(t, func(t *rapid.T) {
		encoded, err := codec.Encode([]*commonpb.Payload{{Data: rapid.SliceOf(rapid.Byte()).Draw(t, "data")}})
		require.NoError(t, err)
		altered := proto.CloneOf(encoded[0])
		altered.Data[rapid.IntRange(0, len(altered.Data)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		_, err = codec.Decode([]*commonpb.Payload{altered})
		require.ErrorContains(t, err, "altered")

		altered = proto.CloneOf(encoded[0])
		altered.Metadata["encryption-key-id"] = []byte("k2")
		_, err = codec.Decode([]*commonpb.Payload{altered})
		require.ErrorContains(t, err, "altered")

		altered.Data = slices.Clone(encoded[0].Data[:rapid.IntRange(0, len(encoded[0].Data)-1).Draw(t, "length")])
		altered.Metadata["encryption-key-id"] = []byte("k1")
		_, err = codec.Decode([]*commonpb.Payload{altered})
		require.ErrorContains(t, err, "altered")
	})
}

func TestCodecRefusesUnusableKeys(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]temporalclient.Key{
		"none":      {},
		"no id":     {key("", 1)},
		"same id":   {key("k1", 1), key("k1", 2)},
		"too short": {{ID: "k1", Secret: []byte("short")}},
	} {
		_, err := temporalclient.NewCodec(keys)
		require.Error(t, err, name)
	}
}
