package retention_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/retention"
	"tenant-provisioning/internal/tenant"
)

const (
	day  = 24 * time.Hour
	many = 10_000
)

// shelf is a store in memory.
type shelf map[string][]byte

var errNotThere = errors.New("there is no such object")

func (s shelf) PutLogs(_ context.Context, name string, data []byte) error {
	s[name] = data
	return nil
}

func (s shelf) Logs(_ context.Context, name string) ([]byte, error) {
	data, there := s[name]
	if !there {
		return nil, errNotThere
	}
	return data, nil
}

func (s shelf) RemoveLogs(_ context.Context, name string) error {
	delete(s, name)
	return nil
}

type testBundle struct {
	pool   *pgxpool.Pool
	rows   *postgres.Records
	store  shelf
	keeper *retention.Keeper
	finder *retention.Finder
}

func setup(t *testing.T) testBundle {
	t.Helper()
	b := testBundle{pool: postgrestest.New(t), store: shelf{}}
	b.rows = postgres.NewRecords(b.pool)
	b.keeper = &retention.Keeper{Rows: b.rows, Store: b.store, Logs: 90 * day, Audit: 6 * 365 * day}
	b.finder = &retention.Finder{Catalogue: b.rows, Archives: b.store}
	return b
}

func (b testBundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func (b testBundle) count(t *testing.T, table string) (n int) {
	t.Helper()
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n))
	return n
}

// life has a tenant accepted and suspended so many days ago, each with two lines of log.
func (b testBundle) life(t *testing.T, name string, ages ...int) tenant.ID {
	t.Helper()
	id, err := tenant.NewID()
	require.NoError(t, err)
	schema := tenant.SchemaName(tenant.Slug(name), id)
	for n, age := range ages {
		op, err := tenant.NewOperationID()
		require.NoError(t, err)
		sub := tenant.Submission{Operation: tenant.Operation{
			ID: op, TenantID: id, Kind: tenant.KindSuspend, Client: "test", RetryBudget: time.Minute, AttentionPeriod: time.Hour,
		}, Actor: "test"}
		if n == 0 {
			sub.Operation.Kind = tenant.KindProvision
			sub.New = &tenant.Tenant{
				ID: id, Name: name, Slug: tenant.Slug(name), Schema: schema, Role: schema, Status: tenant.StatusPending, Generation: 1,
				Administrator: tenant.Administrator{Email: "ada@hospital.example", FirstName: "Ada", LastName: "Lovelace"}, Tier: "standard", Region: "default",
			}
		} else {
			b.exec(t, `UPDATE tenants SET status = 'ACTIVE' WHERE id = $1`, string(id))
		}
		_, err = postgres.NewOperations(b.pool).Submit(t.Context(), sub)
		require.NoError(t, err)
		b.exec(t, `DELETE FROM provisioning_logs WHERE operation_id = $1`, string(op))
		b.exec(t, `INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, error, passing, dependency, created_at)
			SELECT $1, $2, 'MARK_ACTIVE', s, 1, 'the '||s||' line', true, 'ledger', now() - make_interval(days => $3::int) FROM unnest(ARRAY['FAILED', 'COMPLETED']) s`, string(id), string(op), age)
		b.exec(t, `UPDATE operations SET state = 'SUCCEEDED', created_at = now() - make_interval(days => $2::int), finished_at = now() - make_interval(days => $2::int) WHERE id = $1`, string(op), age)
	}
	return id
}

func silent(string) {}

// find asks for one page after the other, of a limit's length.
func (b testBundle) find(t *testing.T, q tenant.RecordQuery) (found []tenant.Record) {
	t.Helper()
	if q.Until.IsZero() {
		q.Until = time.Now().Add(time.Hour)
	}
	if q.Limit == 0 {
		q.Limit = many
	}
	for {
		page, err := b.finder.Find(t.Context(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Items), q.Limit)
		found, q.Cursor = append(found, page.Items...), page.NextCursor
		if q.Cursor == "" {
			return found
		}
	}
}

func ids(all []tenant.Record) (found []string) {
	for _, r := range all {
		found = append(found, fmt.Sprint(r.Source, r.ID))
	}
	return found
}

func of(source tenant.RecordSource, all []tenant.Record) (found []tenant.Record) {
	for _, r := range all {
		if r.Source == source {
			found = append(found, r)
		}
	}
	return found
}

// TestLogsAreFoundWhereverTheyAre: what is old, and what a later operation has followed,
// leaves the database, and is found as it was.
func TestLogsAreFoundWhereverTheyAre(t *testing.T) {
	t.Parallel()
	b := setup(t)
	followed := b.life(t, "Followed", 400, 200, 10)
	latest := b.life(t, "Latest", 300)
	before := b.find(t, tenant.RecordQuery{})
	require.Len(t, of(tenant.RecordProvisioning, before), 8)

	did, err := b.keeper.Run(t.Context(), silent)
	require.NoError(t, err)
	require.Contains(t, did, "moved 4 lines")
	require.Equal(t, 4, b.count(t, "provisioning_logs"), "the log of each tenant's latest operation stays")
	after := b.find(t, tenant.RecordQuery{})
	require.Len(t, after, len(before))
	archived := 0
	for n, r := range after {
		if r.Archived {
			archived++
		}
		r.Archived = false
		require.True(t, before[n].At.Equal(r.At))
		r.At, r.StartedAt = before[n].At, before[n].StartedAt
		require.Equal(t, before[n], r)
	}
	require.Equal(t, 4, archived)
	did, err = b.keeper.Run(t.Context(), silent)
	require.NoError(t, err)
	require.Contains(t, did, "moved 0 lines")

	some := b.find(t, tenant.RecordQuery{Tenant: followed, Since: time.Now().Add(-250 * day), Until: time.Now().Add(-100 * day)})
	require.Len(t, some, 2)
	none := b.find(t, tenant.RecordQuery{Tenant: latest, Since: time.Now().Add(-250 * day), Until: time.Now().Add(-100 * day)})
	require.Empty(t, none)
	for limit := 1; limit <= len(before); limit++ {
		paged := b.find(t, tenant.RecordQuery{Limit: limit})
		require.Equal(t, ids(before), ids(paged), "by time, from both, each once, in pages of %d", limit)
	}
	open, err := postgres.NewFindings(b.pool).Open(t.Context())
	require.NoError(t, err)
	require.Empty(t, open)
}

// TestNothingIsLostOnTheWay: a store that refuses, a worker that dies before it has noted
// what it wrote, and two at the same time.
func TestNothingIsLostOnTheWay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.life(t, "Followed", 400, 200, 10)
	b.keeper.Store = refusing{b.store}
	_, err := b.keeper.Run(t.Context(), silent)
	require.ErrorContains(t, err, "full")
	require.Equal(t, 6, b.count(t, "provisioning_logs"))

	b.keeper.Store = b.store
	b.keeper.Rows = dying{b.rows}
	_, err = b.keeper.Run(t.Context(), silent)
	require.ErrorContains(t, err, "killed")
	require.Equal(t, 6, b.count(t, "provisioning_logs"))
	all := b.find(t, tenant.RecordQuery{})
	require.Len(t, of(tenant.RecordProvisioning, all), 6, "what nobody has noted is not read")

	b.keeper.Rows = b.rows
	old, err := b.rows.Old(t.Context(), b.keeper.Logs, many)
	require.NoError(t, err)
	_, err = b.keeper.Run(t.Context(), silent)
	require.NoError(t, err)
	require.NoError(t, b.rows.Begin(t.Context(), "late"))
	require.Error(t, b.rows.Moved(t.Context(), tenant.LogArchive{Name: "late", Rows: len(old)}, old), "another has moved them")
	require.Equal(t, 1, b.count(t, "log_archives"))
	all = b.find(t, tenant.RecordQuery{})
	require.Len(t, of(tenant.RecordProvisioning, all), 6)
}

// TestWhatAKilledRoundHasLeftIsRemoved by a later one, and nothing else is: not what another
// round may be writing, and not what is referred to.
func TestWhatAKilledRoundHasLeftIsRemoved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.life(t, "Followed", 400, 200, 10)
	before := b.find(t, tenant.RecordQuery{})
	b.keeper.Rows = dying{b.rows}
	_, err := b.keeper.Run(t.Context(), silent)
	require.ErrorContains(t, err, "killed")
	require.Len(t, b.store, 1)

	b.keeper.Rows = b.rows
	did, err := b.keeper.Run(t.Context(), silent)
	require.NoError(t, err)
	require.Contains(t, did, "moved 4 lines")
	require.Contains(t, did, "removed 0 objects", "for all that this round knows another is still at it")
	require.Len(t, b.store, 2)
	b.exec(t, `UPDATE log_drafts SET begun_at = begun_at - interval '1 day'`)
	did, err = b.keeper.Run(t.Context(), silent)
	require.NoError(t, err)
	require.Contains(t, did, "removed 1 objects")
	require.Len(t, b.store, 1)
	require.Zero(t, b.count(t, "log_drafts"))
	require.Equal(t, ids(before), ids(b.find(t, tenant.RecordQuery{})))
}

// TestWhatIsRemovedIsNeverReferredTo: a round that was slow for so long that another takes
// what it has written for left behind notes it in vain, and all lines stay.
func TestWhatIsRemovedIsNeverReferredTo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.life(t, "Followed", 400, 200, 10)
	old, err := b.rows.Old(t.Context(), b.keeper.Logs, many)
	require.NoError(t, err)
	require.NoError(t, b.rows.Begin(t.Context(), "slow"))
	slow := make(chan error)
	there, err := b.rows.Discard(t.Context(), 0, func(ctx context.Context, name string) error {
		require.Equal(t, "slow", name)
		go func() { slow <- b.rows.Moved(ctx, tenant.LogArchive{Name: name, Rows: len(old)}, old) }()
		require.Eventually(t, func() bool {
			return b.count(t, "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 1
		}, time.Minute, 10*time.Millisecond)
		return nil
	})
	require.NoError(t, err)
	require.True(t, there)
	require.ErrorContains(t, <-slow, "left behind")
	require.Equal(t, 6, b.count(t, "provisioning_logs"))
	require.Zero(t, b.count(t, "log_archives"))

	require.NoError(t, b.rows.Begin(t.Context(), "kept"))
	_, err = b.rows.Discard(t.Context(), 0, func(context.Context, string) error { return errors.New("the store is away") })
	require.ErrorContains(t, err, "away")
	require.Equal(t, 1, b.count(t, "log_drafts"), "it is found again")
}

type refusing struct{ retention.Store }

func (refusing) PutLogs(context.Context, string, []byte) error {
	return errors.New("the store is full")
}

type dying struct{ retention.Rows }

func (dying) Moved(context.Context, tenant.LogArchive, []tenant.Record) error {
	return errors.New("killed")
}

// TestAlteredLogsAreRefused: one flipped byte, a truncated object, one that is gone, and a
// process that knows of no store.
func TestAlteredLogsAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.life(t, "Followed", 400, 200, 10)
	_, err := b.keeper.Run(t.Context(), silent)
	require.NoError(t, err)
	require.Len(t, b.store, 1)
	var name string
	var whole []byte
	for name, whole = range b.store {
		require.Contains(t, name, ".ndjson.zst")
	}
	q := tenant.RecordQuery{Until: time.Now(), Limit: many}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for what, data := range map[string][]byte{"flipped": flipped, "truncated": whole[:len(whole)-1]} {
		b.store[name] = data
		_, err = b.finder.Find(t.Context(), q)
		require.ErrorIs(t, err, retention.ErrAltered, what)
	}
	delete(b.store, name)
	_, err = b.finder.Find(t.Context(), q)
	require.ErrorIs(t, err, errNotThere)
	b.finder.Archives = nil
	_, err = b.finder.Find(t.Context(), q)
	require.ErrorIs(t, err, retention.ErrNoStore)
}

// TestAuditIsDeletedInBatches: as many as one has, one more, and none.
func TestAuditIsDeletedInBatches(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, n := range []int{5000, 10_001, 0} {
		b.exec(t, `INSERT INTO audit_log (at, actor, action, outcome) SELECT now() - interval '7 years', 'ada', 'migrate', 'done' FROM generate_series(1, $1)`, n)
		did, err := b.keeper.Run(t.Context(), silent)
		require.NoError(t, err)
		require.Contains(t, did, fmt.Sprintf("deleted %d entries", n))
		require.Zero(t, b.count(t, "audit_log"))
	}
}

// TestAuditIsKeptForYears, of a tenant with a legal hold for as long as that.
func TestAuditIsKeptForYears(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.life(t, "Held", 1)
	b.exec(t, `DELETE FROM audit_log`)
	b.exec(t, `INSERT INTO audit_log (at, actor, action, outcome, tenant_id) SELECT now() - make_interval(years => y, days => 2), 'ada', 'suspend', 'accepted', $1 FROM generate_series(1, 8) y`, string(id))
	b.exec(t, `INSERT INTO audit_log (at, actor, action, outcome) SELECT now() - make_interval(years => y, days => 2), 'ada', 'migrate', 'done' FROM generate_series(1, 8) y`)
	// A year of the calendar may be longer than one of a setting.
	b.exec(t, `INSERT INTO audit_log (at, actor, action, outcome) VALUES (now() - $1::interval - interval '23 hours', 'ada', 'migrate', 'done')`, b.keeper.Audit)
	b.exec(t, `UPDATE tenants SET legal_hold = '{}' WHERE id = $1`, string(id))
	b.keeper.Store = nil
	did, err := b.keeper.Run(t.Context(), silent)
	require.NoError(t, err)
	require.Contains(t, did, "deleted 3 entries")
	all := b.find(t, tenant.RecordQuery{Since: time.Now().Add(-100 * 365 * day)})
	require.Len(t, of(tenant.RecordAudit, all), 14)
}
