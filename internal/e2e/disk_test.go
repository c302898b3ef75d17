package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
)

const (
	// diskSetting names the directory of a small file system to the test's own
	// program, which is to mount it and go on as another.
	diskSetting = "E2E_DISK"
	// diskSizeSetting names its size.
	diskSizeSetting = diskSetting + "_SIZE"
	// diskReadOnly has it mounted so that nothing can be written there.
	diskReadOnly = diskSetting + "_READ_ONLY"
)

// diskSize is that of a file system, as mount takes it.
type diskSize string

// smallDisk holds a database and the schemas of some tens of tenants.
const smallDisk diskSize = "64m"

// disk is a small file system with the installation's database on it. The rest
// of the server, its write-ahead log and the database of Temporal among it, is
// elsewhere: it is the database that has no room, and answers.
type disk struct {
	t testing.TB
	// dir leads to it from outside of its mount namespace.
	dir string
}

// installOnDisk is installOnOwnStack with the product's database on a disk that
// can be filled.
func installOnDisk(t testing.TB, settings map[string]string) (*installation, disk) {
	t.Helper()
	dir := t.TempDir()
	onDisk := launchOnDisk(t, dir, smallDisk)
	var pid int
	s := startStack(t, t.TempDir(), func(t testing.TB, env map[string]string, program string, args ...string) *process {
		p := onDisk(t, env, program, args...)
		pid = p.PID()
		return p
	})
	d := disk{t: t, dir: filepath.Join("/proc", strconv.Itoa(pid), "root", dir)}
	owner, err := os.Stat(filepath.Join(s.dir, "postgres", "data"))
	require.NoError(t, err)
	postgres := owner.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // it is one on each system that has a /proc
	require.NoError(t, os.Chown(d.dir, int(postgres.Uid), int(postgres.Gid)))
	i := s.installation()
	for name, value := range settings {
		i.env[name] = value
	}
	config := i.db.Config().ConnConfig.Copy()
	database := config.Database
	config.Database = "postgres"
	server, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	for _, sql := range []string{
		// A vacuum of the catalog has the server forget what it caches for new
		// connections, and without room to write that anew it lets nobody in.
		`ALTER SYSTEM SET autovacuum = off`, `SELECT pg_reload_conf()`,
		`CREATE TABLESPACE small LOCATION '` + dir + `'`,
		`ALTER DATABASE ` + pgx.Identifier{database}.Sanitize() + ` SET TABLESPACE small`,
	} {
		_, err := server.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	require.NoError(t, server.Close(t.Context()))
	return i, d
}

// fill takes all that is left, to the last page.
func (d disk) fill() {
	d.t.Helper()
	f, err := os.Create(d.filler())
	require.NoError(d.t, err)
	for size := 1 << 20; size >= 512; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		require.ErrorIs(d.t, err, syscall.ENOSPC)
	}
	require.NoError(d.t, f.Close())
}

// free gives it back.
func (d disk) free() {
	d.t.Helper()
	require.NoError(d.t, os.Remove(d.filler()))
}

func (d disk) filler() string { return filepath.Join(d.dir, "filler") }

// TestDatabaseIsFull: what cannot be written is refused to callers, and waited
// for by runs, longer than their budgets. It is one incident, which has its
// place although nothing else has, and people get a mail.
func TestDatabaseIsFull(t *testing.T) {
	t.Parallel()
	// Far above the time in which all come to a step that fails, and in which those
	// that work are done on a busy machine.
	const budget = "1m"
	i, disk := installOnDisk(t, map[string]string{"STEP_RETRY_BUDGET": budget, "NOTIFY_EMAIL": told["NOTIFY_EMAIL"]})
	i.startAPI()
	var operations []operation
	for n := range many {
		operations = append(operations, i.create("Hospital "+strconv.Itoa(n)))
	}
	disk.fill()
	accepted, again := i.createsUntilRefused()
	operations = append(operations, accepted...)
	worker := i.startWorker()
	eventually(t, "an incident is opened", func() bool { return value[int](i, `SELECT count(*) FROM incidents`) == 1 })
	require.Regexp(t, `(?s)state +open\s.*dependency +database\s.*cause +the database's disk is full.*runbook +docs/runbooks/database-full\.md`, i.output("incidents"))
	eventually(t, "it lasts", func() bool {
		return value[bool](i, `SELECT count(*) = 1 FROM incidents WHERE closed_at IS NULL AND last_probe_at > opened_at + $1::interval`, budget)
	})
	require.Zero(t, value[int](i, `SELECT count(*) FROM operations WHERE state NOT IN ('PENDING', 'RUNNING')`), "nothing parks")
	require.Equal(t, 1, strings.Count(worker.stderr.String(), "INCIDENT"), "one alert")
	require.Contains(t, i.awaitNotices(1).Text, "database-full.md")
	t.Run("its runbook", func(t *testing.T) { // works while there is no room
		engineer := *i
		engineer.t = t
		engineer.follow(operations[0], "database-full.md")
	})

	disk.free()
	operations = append(operations, again())
	for _, o := range operations {
		i.becomesActive(o)
	}
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM incidents WHERE closed_at IS NOT NULL AND dependency = 'database'`))
	i.requireNoMore()
}

// createsUntilRefused fills what the tables still have room for, and checks that
// the refusal has left nothing. again repeats what was refused, as its caller
// does.
func (i *installation) createsUntilRefused() (accepted []operation, again func() operation) {
	i.t.Helper()
	for {
		body, key := request("Late Hospital "+strconv.Itoa(len(accepted))), uuid.NewString()
		ask := func() reply { return i.call(http.MethodPost, "/v1/tenants", body, "Idempotency-Key", key) }
		keys := value[int](i, `SELECT count(*) FROM idempotency_keys`)
		r := ask()
		if r.status == http.StatusAccepted {
			accepted = append(accepted, i.accepted(r))
			continue
		}
		require.Equal(i.t, http.StatusServiceUnavailable, r.status, "%s", r.body)
		require.NotEmpty(i.t, r.header.Get("Retry-After"))
		require.Equal(i.t, "application/problem+json", r.header.Get("Content-Type"))
		require.Equal(i.t, client.CodeUnavailable, read[problem](i, r).Code)
		require.Zero(i.t, value[int](i, `
			SELECT (SELECT count(*) FROM tenants WHERE name = $1) + (SELECT count(*) FROM idempotency_keys) - $2
				+ (SELECT count(*) FROM operations o WHERE NOT EXISTS (SELECT FROM tenants t WHERE t.id = o.tenant_id))`, body.Name, keys))
		return accepted, func() operation {
			eventually(i.t, "it is accepted", func() bool { r = ask(); return r.status == http.StatusAccepted })
			o := i.accepted(r)
			again := i.insist(http.MethodPost, "/v1/tenants", body, "Idempotency-Key", key)
			require.Equal(i.t, o.ID, i.accepted(again).ID, "once")
			return o
		}
	}
}
