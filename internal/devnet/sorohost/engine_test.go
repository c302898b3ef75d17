package sorohost_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/devnet/sorohost"
)

func TestEmbeddedHostMatchesItsChecksum(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256(sorohost.Wasm)
	require.Equal(t, strings.Fields(sorohost.Checksum)[0], hex.EncodeToString(sum[:]),
		"sorohost.wasm is not the file that build.sh made: rebuild it")
}

// The notice names what is in the host: no crate, and no version, that is not.
func TestNoticeIsOfTheLockedCrates(t *testing.T) {
	t.Parallel()
	lock, err := os.ReadFile("Cargo.lock")
	require.NoError(t, err)
	notice, err := os.ReadFile("THIRD_PARTY.txt")
	require.NoError(t, err)
	list, _, _ := strings.Cut(string(notice), "\n---")
	crates := 0
	for line := range strings.Lines(list) {
		crate, _, ok := strings.Cut(line, ": ")
		if !ok {
			continue
		}
		name, version, _ := strings.Cut(crate, " ")
		require.Contains(t, string(lock), "name = \""+name+"\"\nversion = \""+version+"\"\n")
		crates++
	}
	require.Greater(t, crates, 80)
}

func TestCalibration(t *testing.T) {
	t.Parallel()
	c, err := open(t).Calibration(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint32(28), c.Protocol)
	require.NotEmpty(t, c.CPU)
	require.NotEmpty(t, c.Memory)
}

func TestCacheDirectoryIsFilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cache")
	e, err := sorohost.Open(t.Context(), dir)
	require.NoError(t, err)
	require.NoError(t, e.Close(t.Context()))
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.NotEmpty(t, found)

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = sorohost.Open(t.Context(), file)
	require.ErrorContains(t, err, file)
}

// Whatever the arguments, the answer is an error and the engine goes on.
func TestGarbageIsAnError(t *testing.T) {
	t.Parallel()
	e := open(t)
	rapid.Check(t, func(rt *rapid.T) {
		bytes := rapid.SliceOfN(rapid.Byte(), 0, 64)
		_, err := e.Simulate(t.Context(), none{}, sorohost.SimulateArgs{Operation: bytes.Draw(rt, "operation"), Source: bytes.Draw(rt, "source")})
		require.Error(rt, err)
		_, err = e.Invoke(t.Context(), none{}, sorohost.InvokeArgs{Function: bytes.Draw(rt, "function"), Resources: bytes.Draw(rt, "resources")})
		require.Error(rt, err)
		_, err = e.TTL(t.Context(), none{}, sorohost.Info{}, bytes.Draw(rt, "ttl"), nil, 0)
		require.Error(rt, err)
	})
	_, err := e.Calibration(t.Context())
	require.NoError(t, err)
}

// A call that ends in the middle leaves its instance in an unknown state: it is
// an error, and the next call gets another one.
func TestInterruptedCallDoesNotSpoilTheNext(t *testing.T) {
	t.Parallel()
	e := open(t)
	for range 3 {
		_, err := e.MinResourceFee(t.Context(), broken{}, make([]byte, 20), 0, 0) // empty resources
		require.ErrorContains(t, err, "the ledger is broken")
		_, err = e.Calibration(t.Context())
		require.NoError(t, err)
	}
}

// shared is one engine for all tests, which may use it at once; it is compiled
// once and lives as long as the process.
var shared = sync.OnceValues(func() (*sorohost.Engine, error) {
	return sorohost.Open(context.Background(), "")
})

func open(t *testing.T) *sorohost.Engine {
	t.Helper()
	e, err := shared()
	require.NoError(t, err)
	return e
}

// none is a ledger without entries.
type none struct{}

func (none) Get([]byte) ([]byte, int64, bool) { return nil, 0, false }

// broken is a ledger that cannot be read.
type broken struct{}

func (broken) Get([]byte) ([]byte, int64, bool) { panic("the ledger is broken") }
