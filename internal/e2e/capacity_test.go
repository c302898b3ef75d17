package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
)

// TestProvisioningWaitsForCapacity: a disk that is said to be smaller than the databases
// has provisioning wait from its first reading on, and nothing that is accepted ends.
// When there is room it goes on by itself.
func TestProvisioningWaitsForCapacity(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	_, worker := i.start()
	active := i.becomesActive(i.create("Charité"))
	worker.kill()
	i.execute(`UPDATE capacity SET read_after = now()`) // ten minutes have passed
	tight := i.with(map[string]string{"DB_DISK_BYTES": strconv.Itoa(1 << 20)})
	worker = tight.startWorker()
	i.isShort("disk")
	o := i.create("Necker")
	i.waitsForCapacity(o, "disk")
	i.reaches(turns[0].ask(i, active.ID).ID, "SUCCEEDED")
	require.Equal(t, client.StatePending, i.operation(o.ID).State)
	require.Contains(t, worker.stderr.String(), "CAPACITY")
	worker.kill()
	i.startWorker()
	i.becomesActive(o)
}

// isShort waits until a worker has read that something is.
func (i *installation) isShort(resource string) {
	i.t.Helper()
	eventually(i.t, resource+" is short", func() bool {
		return value[bool](i, `SELECT short_since IS NOT NULL FROM capacity WHERE resource = $1`, resource)
	})
}

// waitsForCapacity checks that everybody is told what an operation waits for.
func (i *installation) waitsForCapacity(o operation, resource client.Resource) {
	i.t.Helper()
	now := i.operation(o.ID)
	require.Equal(i.t, client.StatePending, now.State)
	require.Equal(i.t, resource, now.WaitingFor.Capacity)
	require.Contains(i.t, now.WaitingFor.Message, "is waiting for capacity ("+string(resource)+")")
	require.Contains(i.t, i.output("status", o.TenantID), "It "+now.WaitingFor.Message)
	require.Contains(i.t, i.output("list"), "capacity ("+string(resource)+")")
	require.Regexp(i.t, `(?s)Provisioning waits for capacity \(`+string(resource)+`\).*docs/runbooks/capacity\.md`, i.output("capacity"))
	require.Contains(i.t, i.metrics(), "\ncapacity_short{resource=\""+string(resource)+"\"} 1\n")
}

// TestDiskFills has PostgreSQL on a file system of half a GiB, which fills: provisioning
// waits while there still is room, what frees room goes on, and when there is room again
// so does the rest. Nothing fails for want of it.
func TestDiskFills(t *testing.T) {
	t.Parallel()
	const size = 512 << 20
	stackDir := t.TempDir()
	dir := filepath.Join(stackDir, "postgres")
	require.NoError(t, os.Mkdir(dir, 0o755))
	onDisk := launchOnDisk(t, dir, diskSize(strconv.Itoa(size)))
	var pid int
	s := startStack(t, stackDir, func(t testing.TB, env map[string]string, program string, args ...string) *process {
		p := onDisk(t, env, program, args...)
		pid = p.PID()
		return p
	})
	free := func() int64 {
		var fs syscall.Statfs_t
		require.NoError(t, syscall.Statfs(filepath.Join("/proc", strconv.Itoa(pid), "root", dir), &fs))
		return int64(fs.Bavail) * fs.Bsize
	}
	i := s.installation()
	i.env["DB_DISK_BYTES"] = strconv.Itoa(size)
	i.execute(`ALTER SYSTEM SET max_wal_size = '64MB'`)
	i.execute(`ALTER SYSTEM SET min_wal_size = '32MB'`)
	i.execute(`SELECT pg_reload_conf()`)
	_, worker := i.start()
	active := i.becomesActive(i.create("Charité"))

	i.execute(`CREATE UNLOGGED TABLE filler (bytes text)`)
	i.execute(`ALTER TABLE filler ALTER bytes SET STORAGE EXTERNAL`)
	for free() > size/14 {
		i.execute(`INSERT INTO filler SELECT repeat('x', 8000) FROM generate_series(1, 500)`)
	}
	i.execute(`UPDATE capacity SET read_after = now()`) // ten minutes have passed
	i.isShort("disk")
	waits := i.create("Necker")
	i.waitsForCapacity(waits, "disk")
	engineer := *i
	engineer.follow(waits, "capacity.md")
	i.reaches(turns[0].ask(i, active.ID).ID, "SUCCEEDED")
	require.Equal(t, client.StatePending, i.operation(waits.ID).State)
	require.Positive(t, free())

	i.execute(`DROP TABLE filler`)
	i.execute(`CHECKPOINT`)
	require.Greater(t, free(), int64(size/3))
	i.becomesActive(waits)
	require.NotContains(t, worker.stderr.String(), "No space left")
	require.Zero(t, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE status = 'FAILED'`))
}
