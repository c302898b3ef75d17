package backup_test

import (
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
