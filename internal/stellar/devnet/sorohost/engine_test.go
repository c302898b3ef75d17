package sorohost_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/stellar/devnet/sorohost"
)

func TestEmbeddedHostMatchesItsChecksum(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256(sorohost.Wasm)
	require.Equal(t, strings.Fields(sorohost.Checksum)[0], hex.EncodeToString(sum[:]),
		"sorohost.wasm is not the file that build.sh made: rebuild it")
}

func TestCalibration(t *testing.T) {
	t.Parallel()
	e, err := sorohost.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close(t.Context())) })

	c, err := e.Calibration(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint32(28), c.Protocol)
}
