package retention_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/retention"
	"tenant-provisioning/internal/tenant"
)

// few is rows of which a round takes two operations at a time, so that there are several
// objects, and times at which one ends and the next begins.
type few struct{ *postgres.Records }

func (f few) Old(ctx context.Context, age time.Duration, _ int) ([]tenant.Record, error) {
	return f.Records.Old(ctx, age, 2)
}

// moving has lines move between the reading of those in the database and of those that have
// left it.
type moving struct {
	*postgres.Records
	move func()
}

func (m moving) In(ctx context.Context, q tenant.RecordQuery, after tenant.RecordPosition, most int) ([]tenant.Record, error) {
	found, err := m.Records.In(ctx, q, after, most)
	m.move()
	return found, err
}

// instants are how many moments there are: few, so that most things happen at the same.
const instants = 4

// TestPagesHaveEachLineOnce, whatever is asked for and wherever a page, an object or the
// time that is asked for ends: many lines are of the same microsecond.
func TestPagesHaveEachLineOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.keeper.Rows = few{b.rows}
	tenants := []tenant.ID{b.life(t, "One", 9, 8, 7, 6), b.life(t, "Two", 9, 8, 7, 6)}
	operations := b.texts(t, `SELECT id::text FROM operations ORDER BY id`)
	began := time.Now().Add(-400 * day).UTC().Truncate(time.Microsecond)
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		return began.Add(time.Duration(rapid.IntRange(0, instants-1).Draw(t, "instant")) * time.Microsecond)
	})
	rapid.Check(t, func(rt *rapid.T) {
		b.exec(t, `TRUNCATE provisioning_logs, audit_log RESTART IDENTITY`) // so that lines of both have the same number
		b.exec(t, `UPDATE operations SET log_archive = NULL`)
		b.exec(t, `DELETE FROM log_archives`)
		clear(b.store)
		b.exec(t, `UPDATE operations o SET finished_at = x.at FROM unnest($1::uuid[], $2::timestamptz[]) x (id, at) WHERE o.id = x.id`,
			operations, rapid.SliceOfN(instant, len(operations), len(operations)).Draw(rt, "ends"))
		of, lines := slices.Clone(operations), rapid.SliceOfN(instant, len(operations), 3*len(operations)).Draw(rt, "lines")
		for range len(lines) - len(of) { // after one of each
			of = append(of, rapid.SampledFrom(operations).Draw(rt, "of"))
		}
		b.exec(t, `INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, created_at)
			SELECT o.tenant_id, o.id, 'MARK_ACTIVE', 'COMPLETED', 1, x.at FROM unnest($1::uuid[], $2::timestamptz[]) x (id, at) JOIN operations o USING (id)`, of, lines)
		b.exec(t, `INSERT INTO audit_log (at, actor, action, outcome, tenant_id) SELECT at, 'ada', 'suspend', 'accepted', $2 FROM unnest($1::timestamptz[]) at`,
			rapid.SliceOfN(instant, 0, 6).Draw(rt, "entries"), string(tenants[0]))
		whole := tenant.RecordQuery{Since: began.Add(-time.Hour), Until: began.Add(time.Hour), Limit: many}
		all := b.find(t, whole)
		require.Len(rt, all, b.count(t, "provisioning_logs")+b.count(t, "audit_log"))
		q := whole
		q.Since, q.Until = instant.Draw(rt, "since"), instant.Draw(rt, "until").Add(time.Duration(rapid.IntRange(0, 1).Draw(rt, "after"))*time.Microsecond)
		q.Tenant = rapid.SampledFrom(append(tenants, "")).Draw(rt, "tenant")
		q.Limit = rapid.IntRange(1, 2*len(operations)).Draw(rt, "limit")
		want := slices.DeleteFunc(slices.Clone(all), func(r tenant.Record) bool {
			return r.At.Before(q.Since) || !r.At.Before(q.Until) || q.Tenant != "" && r.Tenant != q.Tenant
		})
		b.requirePages(rt, want, q)

		midway := retention.Finder{Archives: b.store, Catalogue: moving{b.rows, func() {
			_, err := b.keeper.Run(t.Context(), silent)
			require.NoError(rt, err)
		}}}
		meanwhile, err := midway.Find(t.Context(), q)
		require.NoError(rt, err)
		require.Equal(rt, ids(want[:min(len(want), q.Limit)]), ids(meanwhile.Items))
		require.Equal(rt, len(want) <= q.Limit, meanwhile.NextCursor == "")
		require.Len(rt, b.store, (len(operations)-len(tenants))/2)
		b.requirePages(rt, all, whole)
		b.requirePages(rt, want, q)
	})
}

// requirePages asks for one page after the other. Each but the last is full, and none is
// empty unless there is nothing.
func (b testBundle) requirePages(t require.TestingT, want []tenant.Record, q tenant.RecordQuery) {
	pages := slices.Collect(slices.Chunk(want, q.Limit))
	if len(pages) == 0 {
		pages = append(pages, nil)
	}
	for _, page := range pages {
		got, err := b.finder.Find(context.Background(), q)
		require.NoError(t, err)
		require.Equal(t, ids(page), ids(got.Items))
		q.Cursor, want = got.NextCursor, want[len(page):]
		require.Equal(t, len(want) == 0, q.Cursor == "", "%d are left", len(want))
	}
}

func (b testBundle) texts(t *testing.T, sql string) (texts []string) {
	t.Helper()
	require.NoError(t, b.pool.QueryRow(t.Context(), fmt.Sprintf(`SELECT array_agg(x) FROM (%s) x (x)`, sql)).Scan(&texts))
	return texts
}
