package e2e

import (
	"maps"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/backup/bucket/buckettest"
)

// inBucket is backedUp for a bucket of buckettest.
func inBucket(t testing.TB, url string) map[string]string {
	t.Helper()
	settings := backedUp(t, url)
	maps.Copy(settings, map[string]string{"BACKUP_ACCESS_KEY": buckettest.AccessKey, "BACKUP_SECRET_KEY": buckettest.SecretKey})
	return settings
}

// TestBackupsInABucket: a real S3 server behind a proxy that refuses, cuts and loses what
// it is sent, and that is killed in the middle. The run waits, says for what, and goes on;
// what counts as a backup is one. A purge leaves nothing of its tenant in the bucket.
func TestBackupsInABucket(t *testing.T) {
	t.Parallel()
	s := buckettest.Start(t)
	proxy := s.Proxy()
	i := install(t, inBucket(t, proxy.URL))
	i.start()
	var tenants []tenant
	for _, name := range []string{"Charité", "Necker", "Guy's"} {
		x := i.becomesActive(i.create(name))
		i.notes(x.SchemaName, 500)
		tenants = append(tenants, x)
	}
	require.Contains(t, i.output("doctor", "--only", "backups"), "the bucket backups of http://127.0.0.1:")

	var requests atomic.Int64
	proxy.Fault(func(request string) buckettest.Fault {
		if !strings.HasSuffix(request, "archive") && !strings.HasSuffix(request, "manifest.json") {
			return buckettest.None
		}
		switch requests.Add(1) % 11 {
		case 3:
			return buckettest.Lost
		case 7:
			return buckettest.Cut
		}
		return buckettest.None
	})
	require.Zero(t, i.starter("backup").wait())
	eventually(t, "the first backup is good", func() bool { return value[int](i, `SELECT count(*) FROM backups WHERE state = 'GOOD'`) > 0 })
	s.Kill()
	eventually(t, "the run says that it waits", func() bool {
		return strings.Contains(value[string](i, `SELECT coalesce(note, '') FROM fleet_runs WHERE kind = 'backup'`), "the backup store fails")
	})
	proxy.Fault(nil)
	s.Restart()
	eventually(t, "it is completed", func() bool {
		return value[bool](i, `SELECT EXISTS (SELECT FROM backups WHERE state = 'GOOD' AND tenant_id IS NULL) AND NOT EXISTS (SELECT FROM backups WHERE state <> 'GOOD')`)
	})
	require.Equal(t, "COMPLETED", value[string](i, `SELECT state FROM fleet_runs WHERE kind = 'backup'`))
	require.Len(t, i.backups(backup.Good), 4)
	i.intact()

	proxy.Fault(nil)
	gone := tenants[0]
	i.archives(gone)
	i.takes(purge, purge.ask(i, gone.ID), gone, 3)
	for _, key := range s.Objects() {
		if !strings.Contains(key, "/tombstones/") { // which says that the tenant is gone
			require.NotContains(t, key, gone.ID)
		}
	}
	require.Len(t, i.backups(backup.Good), 3)
}
