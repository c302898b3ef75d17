package sorohost

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBundlesAreReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		items := rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(rt, "items")
		packed := bundle(items...)
		got, err := unbundle(packed)
		require.NoError(rt, err)
		require.Len(rt, got, len(items))
		for i := range items {
			require.Equal(rt, string(items[i]), string(got[i]))
		}
		cut := rapid.IntRange(0, len(packed)-1).Draw(rt, "cut")
		_, err = unbundle(packed[:cut])
		require.ErrorIs(rt, err, errTruncated)
	})
}
