package postgres_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

var ledgerDown = tenant.Failure{Step: tenant.StepDeployContract, Reason: "the Stellar RPC server does not answer", Duration: time.Millisecond}

// fail has n operations fail alike, all at once, and returns how many callers
// were told that they have opened an incident.
func (b testBundle) fail(t *testing.T, n int, fail tenant.Failure) (openers int) {
	t.Helper()
	var fences []tenant.Fence
	for i := range n {
		fences = append(fences, b.claim(t, fmt.Sprintf("%s %s %d", t.Name(), time.Now(), i)))
	}
	return b.failAgain(t, fences, fail)
}

func (b testBundle) failAgain(t *testing.T, fences []tenant.Fence, fail tenant.Failure) (openers int) {
	t.Helper()
	var all sync.WaitGroup
	opened := make([]bool, len(fences))
	for n, f := range fences {
		all.Go(func() {
			if err := b.incidents.RecordFailure(b.ctx, f, fail); err != nil {
				t.Error(err)
			}
			_, first, err := b.incidents.Detect(b.ctx, fail)
			if err != nil {
				t.Error(err)
			}
			opened[n] = first
		})
	}
	all.Wait()
	for _, o := range opened {
		if o {
			openers++
		}
	}
	return openers
}

func (b testBundle) incident(t *testing.T, step tenant.Step) tenant.Incident {
	t.Helper()
	i, err := b.incidents.Blocking(b.ctx, step)
	require.NoError(t, err)
	return i
}

// end closes the open incident as probes do.
func (b testBundle) end(t *testing.T) {
	t.Helper()
	probed, due, err := b.incidents.TakeProbe(b.ctx, 0, 0)
	require.NoError(t, err)
	require.True(t, due)
	for _, want := range []bool{false, true} {
		closed, err := b.incidents.Probed(b.ctx, probed.ID, true)
		require.NoError(t, err)
		require.Equal(t, want, closed)
	}
}

// TestManyFailuresAreOneIncident, and while it is open nothing is started.
func TestManyFailuresAreOneIncident(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, 1, b.fail(t, tenant.IncidentThreshold+5, ledgerDown))
	require.Zero(t, b.fail(t, 3, ledgerDown))
	all, err := b.incidents.List(b.ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, tenant.DependencyLedger, all[0].Dependency)
	require.Equal(t, ledgerDown.Reason, all[0].Cause)
	require.GreaterOrEqual(t, all[0].Affected, tenant.IncidentThreshold)
	require.Equal(t, all[0].ID, b.incident(t, tenant.StepDeployContract).ID)
	require.Zero(t, b.incident(t, tenant.StepMarkActive).ID, "the database works")

	for n := range 3 {
		b.accept(t, fmt.Sprintf("Waiting %d", n))
	}
	taken, err := b.queue.Take(b.ctx, 10, tenant.Bounds{Running: 1000}, time.Minute)
	require.NoError(t, err)
	require.Empty(t, taken)

	// A failed probe between two makes them two beginnings.
	for _, success := range []bool{true, false, true} {
		closed, err := b.incidents.Probed(b.ctx, all[0].ID, success)
		require.NoError(t, err)
		require.False(t, closed)
	}
	closed, err := b.incidents.Probed(b.ctx, all[0].ID, true)
	require.NoError(t, err)
	require.True(t, closed)
	b.mustExec(t, `UPDATE incidents SET closed_at = now() - interval '15 seconds'`)
	taken, err = b.queue.Take(b.ctx, 10, tenant.Bounds{Running: 1000}, time.Minute)
	require.NoError(t, err)
	require.Len(t, taken, 3)
}

// TestWhatHasWaitedIsStartedBitByBit. The end of an incident does not write all
// of it, which would take the longer the longer the incident was.
func TestWhatHasWaitedIsStartedBitByBit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustExec(t, `INSERT INTO incidents (dependency, cause, affected) VALUES ('ledger', 'no answer', 12)`)
	b.mustExec(t, `INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
		SELECT gen_random_uuid(), g, g AS key, g AS slug, g AS schema, g AS role, g AS login, 'PENDING', '', '', '', '', '' FROM generate_series(1, 1100) g`)
	b.mustExec(t, `INSERT INTO operations (id, tenant_id, kind, state, generation, client, retry_budget, attention_period)
		SELECT gen_random_uuid(), id, 'provision', 'PENDING', 1, 'test', '1m', '1h' FROM tenants`)
	b.end(t)
	require.Equal(t, 1100, b.count(t, `SELECT count(*) FROM operations WHERE dispatch_after = created_at`))

	take := func(ago time.Duration) int {
		b.mustExec(t, `UPDATE incidents SET closed_at = now() - $1::interval`, ago)
		taken, err := b.queue.Take(b.ctx, 1000, tenant.Bounds{Running: 1000}, time.Minute)
		require.NoError(t, err)
		return len(taken)
	}
	first := take(time.Second)
	require.GreaterOrEqual(t, first, 1000/15)
	require.Less(t, first, 1000)
	require.Equal(t, 1000-first, take(time.Minute))
}

// TestWhatIsNoIncident: too few, one that fails often, failures that nobody
// shares, and those of longer ago.
func TestWhatIsNoIncident(t *testing.T) {
	t.Parallel()
	forGood := ledgerDown
	forGood.Class, forGood.Permanent = tenant.ClassPermanent, true
	lost := ledgerDown
	lost.Lost = true
	databaseAway := ledgerDown
	databaseAway.Dependency, databaseAway.Reason = tenant.DependencyDatabase, "the database does not answer"
	for name, fail := range map[string]func(testBundle) int{
		"too few": func(b testBundle) int { return b.fail(t, tenant.IncidentThreshold-1, ledgerDown) },
		"one, often": func(b testBundle) int {
			f := b.claim(t, "Often")
			n := 0
			for range tenant.IncidentThreshold + 1 {
				n += b.failAgain(t, []tenant.Fence{f}, ledgerDown)
			}
			return n
		},
		"not of what the step is known to depend on": func(b testBundle) int {
			return b.fail(t, tenant.IncidentThreshold, databaseAway) + b.fail(t, tenant.IncidentThreshold-1, ledgerDown)
		},
		"permanent": func(b testBundle) int { return b.fail(t, tenant.IncidentThreshold+1, forGood) },
		// Temporal was away, and took the attempts with it.
		"lost": func(b testBundle) int { return b.fail(t, tenant.IncidentThreshold+1, lost) },
		"long ago": func(b testBundle) int {
			n := b.fail(t, tenant.IncidentThreshold-1, ledgerDown)
			b.mustExec(t, `UPDATE provisioning_logs SET started_at = now() - interval '2 minutes' WHERE passing`)
			return n + b.fail(t, tenant.IncidentThreshold-1, ledgerDown)
		},
		"of several dependencies": func(b testBundle) int {
			mail := tenant.Failure{Step: tenant.StepSendWelcomeEmail, Reason: "not reachable"}
			return b.fail(t, tenant.IncidentThreshold-1, ledgerDown) + b.fail(t, tenant.IncidentThreshold-1, mail)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			require.Zero(t, fail(b))
			require.Zero(t, b.count(t, `SELECT count(*) FROM incidents`))
		})
	}
}

// TestFailuresThatComeBack belong to the same incident, which is probed ever
// more rarely; those before its end are not counted again.
func TestFailuresThatComeBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, 1, b.fail(t, tenant.IncidentThreshold, ledgerDown))
	b.end(t)
	require.Zero(t, b.fail(t, 1, ledgerDown), "the others were before")
	require.Equal(t, 1, b.fail(t, tenant.IncidentThreshold, ledgerDown))
	all, err := b.incidents.List(b.ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, 1, all[0].Reopened)
	require.Zero(t, all[0].ClosedAt)

	_, due, err := b.incidents.TakeProbe(b.ctx, time.Minute, time.Hour)
	require.NoError(t, err)
	require.True(t, due)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM incidents WHERE probe_after = last_probe_at + interval '2 minutes'`))
	_, due, err = b.incidents.TakeProbe(b.ctx, time.Minute, time.Hour)
	require.NoError(t, err)
	require.False(t, due, "another worker has it")

	b.mustExec(t, `UPDATE incidents SET closed_at = now() - interval '1 hour'`)
	require.Equal(t, 1, b.fail(t, tenant.IncidentThreshold, ledgerDown))
	require.Equal(t, 2, b.count(t, `SELECT count(*) FROM incidents`))
}

// TestProbeOfTheDatabase leaves nothing behind.
func TestProbeOfTheDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.writes.Probe(b.ctx))
	b.mustExec(t, `ALTER DATABASE `+ident(b.pool.Config().ConnConfig.Database)+` SET default_transaction_read_only = on`)
	b.pool.Reset()
	require.ErrorIs(t, b.writes.Probe(b.ctx), tenant.ErrUnavailable)
}

// TestProbeNeedsNoMoreThanTenants: CREATE on the database, and nothing else, TEMP
// among it. Otherwise an incident would never end.
func TestProbeNeedsNoMoreThanTenants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	role, database := ident("probe_"+strings.ToLower(rand.Text())), ident(b.pool.Config().ConnConfig.Database)
	b.mustExec(t, `CREATE ROLE `+role)
	b.mustExec(t, `GRANT `+role+` TO CURRENT_USER`)
	b.mustExec(t, `REVOKE TEMP ON DATABASE `+database+` FROM PUBLIC`)
	b.mustExec(t, `REVOKE CREATE ON SCHEMA public FROM PUBLIC`)
	b.mustExec(t, `GRANT CREATE ON DATABASE `+database+` TO `+role)
	b.mustExec(t, `ALTER DATABASE `+database+` SET role = `+role)
	b.pool.Reset()
	require.NoError(t, b.writes.Probe(b.ctx))
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_namespace WHERE nspname ~ '^probe'`))
	b.mustExec(t, `SET ROLE NONE; DROP OWNED BY `+role+`; DROP ROLE `+role, pgx.QueryExecModeSimpleProtocol)
}

// TestAnIncidentFindsRoom, and so does the mail about it, in what the tables have
// taken already: on a full disk there is no more. VACUUM does not give it back.
func TestAnIncidentFindsRoom(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const pages = `SELECT sum(pg_relation_size(t) + pg_indexes_size(t)) FROM unnest('{incidents, notices}'::regclass[]) t`
	b.mustExec(t, `VACUUM incidents`)
	b.mustExec(t, `VACUUM notices`)
	before := b.count(t, pages)
	for n := range tenant.IncidentThreshold {
		b.accept(t, fmt.Sprintf("Hospital %d", n))
	}
	full := fmt.Errorf("log a failure: %w", &pgconn.PgError{Code: "53100", Message: "No space left on device"})
	i, opened, err := b.incidents.DetectOutage(b.ctx, full)
	require.NoError(t, err)
	require.True(t, opened)
	require.Equal(t, tenant.IncidentThreshold, i.Affected, "nobody could write down its failure")
	require.Contains(t, i.Cause, "disk is full")
	require.Equal(t, i.ID, b.incident(t, tenant.StepDeployContract).ID)
	again, opened, err := b.incidents.DetectOutage(b.ctx, full)
	require.NoError(t, err)
	require.False(t, opened)
	require.Equal(t, i.ID, again.ID)
	_, due, err := b.incidents.TakeProbe(b.ctx, time.Second, time.Minute)
	require.NoError(t, err)
	require.True(t, due)
	require.NoError(t, b.notices.Collect(b.ctx, []string{"oncall@platform.example"}, 0))
	_, due, err = b.notices.Take(b.ctx, time.Minute, true, true)
	require.NoError(t, err)
	require.True(t, due)
	require.Equal(t, before, b.count(t, pages))
}

// TestWhatIsNoIncidentOfTheDatabase is an outage all the same: too few operations
// are under way, or a row cannot be written anyway.
func TestWhatIsNoIncidentOfTheDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for n := range tenant.IncidentThreshold - 1 {
		b.accept(t, fmt.Sprintf("Hospital %d", n))
	}
	refusal := func(code string) error { return fmt.Errorf("write: %w", &pgconn.PgError{Code: code}) }
	i, opened, err := b.incidents.DetectOutage(b.ctx, refusal("53100"))
	require.NoError(t, err)
	require.False(t, opened)
	require.Zero(t, i.ID)
	require.Contains(t, i.Cause, "disk is full")
	b.accept(t, "The tenth")
	for _, code := range []string{"25006", "53300", "57P03", "40P01"} {
		i, opened, err := b.incidents.DetectOutage(b.ctx, refusal(code))
		require.NoError(t, err)
		require.False(t, opened)
		require.Zero(t, i.ID)
		require.NotEmpty(t, i.Cause)
	}
	require.Zero(t, b.count(t, `SELECT count(*) FROM incidents`))
}

// TestASignerThatIsAwayIsNoOutageOfTheLedger: both fail the same steps, and each is
// counted by itself.
func TestASignerThatIsAwayIsNoOutageOfTheLedger(t *testing.T) {
	t.Parallel()
	b := setup(t)
	locked := tenant.Failure{Step: tenant.StepDeployContract, Dependency: tenant.DependencySigner, Reason: "the agent is locked", Duration: time.Millisecond}
	require.Zero(t, b.fail(t, tenant.IncidentThreshold-1, locked))
	require.Zero(t, b.fail(t, tenant.IncidentThreshold-1, ledgerDown))
	require.Zero(t, b.incident(t, tenant.StepDeployContract).ID)
	require.Equal(t, 1, b.fail(t, 1, locked))
	for step, waits := range map[tenant.Step]bool{
		tenant.StepSuspendContract: true, tenant.StepDeployContract: true, tenant.StepSendWelcomeEmail: false, tenant.StepCreateSchema: false,
	} {
		i := b.incident(t, step)
		require.Equal(t, waits, i.ID != 0, step)
		if waits {
			require.Equal(t, tenant.DependencySigner, i.Dependency)
		}
	}
}
