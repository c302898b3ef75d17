package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

func used(r tenant.Resource, used, bound int64) []tenant.CapacityReading {
	return []tenant.CapacityReading{{Resource: r, Used: used, Bound: &bound}}
}

// TestProvisioningWaitsForRoom: while anything is short nothing that takes room is
// started, and all the rest is, also from behind a backlog of what waits.
func TestProvisioningWaitsForRoom(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := postgres.NewCapacities(b.pool)
	active, _ := b.provision(t, "Active", tenant.StateSucceeded)
	archived := b.archivedFor(t, "Archived", time.Hour)
	changed, err := c.Save(b.ctx, used(tenant.ResourceDisk, 95, 100))
	require.NoError(t, err)
	require.Len(t, changed, 1)
	for _, name := range []string{"First", "Second", "Third"} {
		b.accept(t, name)
	}
	for kind, id := range map[tenant.Kind]tenant.ID{tenant.KindInvite: active.Tenant, tenant.KindPurge: archived.ID} {
		sub := submission(t, kind, id)
		sub.Admin = true
		_, err := b.operations.Submit(b.ctx, sub)
		require.NoError(t, err)
	}
	taken, err := b.queue.Take(b.ctx, 2, tenant.Bounds{Running: 100}, time.Minute)
	require.NoError(t, err)
	require.ElementsMatch(t, []tenant.Kind{tenant.KindInvite, tenant.KindPurge}, kindsOf(taken))

	changed, err = c.Save(b.ctx, used(tenant.ResourceConnections, 96, 97))
	require.NoError(t, err)
	require.Len(t, changed, 1)
	changed, err = c.Save(b.ctx, used(tenant.ResourceDisk, 50, 100))
	require.NoError(t, err)
	require.Len(t, changed, 1)
	taken, err = b.queue.Take(b.ctx, 16, tenant.Bounds{Running: 100}, time.Minute)
	require.NoError(t, err)
	require.Empty(t, taken, "something else is short")
	_, err = c.Save(b.ctx, used(tenant.ResourceConnections, 10, 97))
	require.NoError(t, err)
	taken, err = b.queue.Take(b.ctx, 16, tenant.Bounds{Running: 100}, time.Minute)
	require.NoError(t, err)
	require.Equal(t, []tenant.Kind{tenant.KindProvision, tenant.KindProvision, tenant.KindProvision}, kindsOf(taken))
}

func kindsOf(operations []tenant.Operation) (kinds []tenant.Kind) {
	for _, o := range operations {
		kinds = append(kinds, o.Kind)
	}
	return kinds
}

// TestCapacityStands as it was read last: since when it is short, and by how much it
// grows each day.
func TestCapacityStands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := postgres.NewCapacities(b.pool)
	stand := func(r tenant.Resource) tenant.Capacity {
		all, err := c.Standing(b.ctx)
		require.NoError(t, err)
		var order []tenant.Resource
		for _, s := range all {
			order = append(order, s.Resource)
		}
		require.Equal(t, tenant.Resources(), order)
		return all[slices.Index(order, r)]
	}
	none := stand(tenant.ResourceDisk)
	require.True(t, none.ReadAt.IsZero())
	require.False(t, none.Known())

	_, err := c.Save(b.ctx, used(tenant.ResourceDisk, 1000, 10_000))
	require.NoError(t, err)
	s := stand(tenant.ResourceDisk)
	require.True(t, s.Known())
	require.Nil(t, s.Growth, "readings of less than a day")
	require.True(t, s.ShortSince.IsZero())

	b.mustExec(t, `INSERT INTO capacity_readings (resource, read_at, used, bound) SELECT 'disk', now() - make_interval(days => d), 1000 - 100 * d, 10000 FROM generate_series(1, 5) d`)
	b.mustExec(t, `INSERT INTO capacity_readings (resource, read_at, used) VALUES ('disk', now() - interval '60 days', 9000), ('disk', now() - interval '100 days', 9000)`)
	s = stand(tenant.ResourceDisk)
	require.InDelta(t, 100, *s.Growth, 1)
	days, known := s.DaysLeft()
	require.True(t, known)
	require.InDelta(t, 80, days, 1)

	_, err = c.Save(b.ctx, used(tenant.ResourceDisk, 9_500, 10_000))
	require.NoError(t, err)
	s = stand(tenant.ResourceDisk)
	require.False(t, s.ShortSince.IsZero())
	require.Contains(t, s.Why, "DB_DISK_BYTES")
	short, err := c.Short(b.ctx)
	require.NoError(t, err)
	require.Len(t, short, 1)
	require.Contains(t, short[0].WaitingFor().Message, "is waiting for capacity (disk)")
	_, err = c.Save(b.ctx, used(tenant.ResourceDisk, 9_600, 10_000))
	require.NoError(t, err)
	require.Equal(t, s.ShortSince, stand(tenant.ResourceDisk).ShortSince)
	_, err = c.Save(b.ctx, []tenant.CapacityReading{{Resource: tenant.ResourceDisk, Used: 9_600}})
	require.NoError(t, err)
	require.True(t, stand(tenant.ResourceDisk).ShortSince.IsZero(), "nobody says how much there is any more")
	require.Equal(t, []string{"capacity.short", "capacity.enough"}, texts(t, b, `SELECT type FROM events WHERE type LIKE 'capacity.%' ORDER BY id`))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM capacity_readings WHERE read_at < now() - interval '30 days'`), "the oldest is forgotten")

	b.mustExec(t, `UPDATE capacity_readings SET read_at = read_at - $1::interval`, tenant.CapacitySilence)
	require.False(t, stand(tenant.ResourceDisk).Known())
}

func texts(t *testing.T, b testBundle, sql string) (found []string) {
	t.Helper()
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT coalesce(array_agg(type), '{}') FROM (`+sql+`) e`).Scan(&found))
	return found
}

// TestOneWorkerReadsTheCapacity each ten minutes, and each minute while anything is
// short; one that has died in its turn leaves it to another.
func TestOneWorkerReadsTheCapacity(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := postgres.NewCapacities(b.pool)
	turn := func(due bool) {
		t.Helper()
		took, err := c.TakeTurn(b.ctx)
		require.NoError(t, err)
		require.Equal(t, due, took)
	}
	pass := func(d time.Duration) {
		t.Helper()
		b.mustExec(t, `UPDATE capacity SET read_after = read_after - $1::interval`, d)
	}
	turn(true)
	turn(false)
	pass(2 * time.Minute)
	turn(true)
	_, err := c.Save(b.ctx, used(tenant.ResourceDisk, 5, 100))
	require.NoError(t, err)
	pass(9 * time.Minute)
	turn(false)
	pass(time.Minute)
	turn(true)
	_, err = c.Save(b.ctx, used(tenant.ResourceDisk, 95, 100))
	require.NoError(t, err)
	turn(false)
	pass(time.Minute)
	turn(true)
}

// TestCapacityIsMeasured by the product's login, which may not list the write-ahead log,
// and by one that may.
func TestCapacityIsMeasured(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var databases, log int64
	super := b.superuser(t)
	require.NoError(t, super.QueryRow(b.ctx, `SELECT pg_database_size(current_database()), (SELECT sum(size) FROM pg_ls_waldir())`).Scan(&databases, &log))
	const disk = 1 << 40
	for name, c := range map[string]*postgres.Capacities{"ours": postgres.NewCapacities(b.pool), "may list": postgres.NewCapacities(super)} {
		all, err := c.Measure(b.ctx, disk)
		require.NoError(t, err, name)
		found := map[tenant.Resource]tenant.CapacityReading{}
		for _, r := range all {
			found[r.Resource] = r
			require.Positive(t, r.Used, r.Resource)
			require.Greater(t, *r.Bound, r.Used, r.Resource)
		}
		require.Len(t, found, 3)
		require.Greater(t, found[tenant.ResourceDisk].Used, databases+log/2, name)
		require.EqualValues(t, disk, *found[tenant.ResourceDisk].Bound)
	}
	unsaid, err := postgres.NewCapacities(b.pool).Measure(b.ctx, 0)
	require.NoError(t, err)
	require.Nil(t, unsaid[2].Bound)
	paid, err := postgres.NewCapacities(b.pool).Paid(b.ctx, "none")
	require.NoError(t, err)
	require.Zero(t, paid)
}
