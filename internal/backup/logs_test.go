package backup_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
)

// TestLogsLieBesideBackups and are taken for none.
func TestLogsLieBesideBackups(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const name = "2026/11/30/1-9-0a0b0c0d.ndjson.zst"
	_, err := b.store.Logs(t.Context(), name)
	require.ErrorIs(t, err, backup.ErrNoArchive)
	for _, data := range [][]byte{[]byte("lines"), []byte("the same again, after a crash")} {
		require.NoError(t, b.store.PutLogs(t.Context(), name, data))
		got, err := b.store.Logs(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, data, got)
	}
	for ref, err := range b.store.List(t.Context(), installation, "") {
		require.NoError(t, err)
		require.Fail(t, "there is no backup", "%v", ref)
	}
}

// TestLogsAreRemoved, also what a writer that was killed has left of them, and no others.
func TestLogsAreRemoved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const name, other = "2026/11/30/1-9-a.ndjson.zst", "2026/11/30/1-9-b.ndjson.zst"
	require.NoError(t, b.store.RemoveLogs(t.Context(), name), "it is gone already")
	for _, n := range []string{name, other} {
		require.NoError(t, b.store.PutLogs(t.Context(), n, []byte("lines")))
	}
	half := filepath.Join(b.dir, "logs", name+".18a5.tmp")
	require.NoError(t, os.WriteFile(half, []byte("li"), 0o600))
	require.NoError(t, b.store.RemoveLogs(t.Context(), name))
	_, err := b.store.Logs(t.Context(), name)
	require.ErrorIs(t, err, backup.ErrNoArchive)
	require.NoFileExists(t, half)
	_, err = b.store.Logs(t.Context(), other)
	require.NoError(t, err)
}
