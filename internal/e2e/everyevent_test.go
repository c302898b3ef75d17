package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
)

// TestEveryEventOnceThroughKills: whoever follows is told each event once and in
// order, whatever is killed meanwhile.
func TestEveryEventOnceThroughKills(t *testing.T) {
	t.Parallel()
	random := repeatable(t)
	i, s := installOnOwnStack(t)
	c := i.client()
	api, worker := i.start()
	kills := []func(){
		func() { api.kill(); api = i.startAPI() },
		func() { worker.kill(); worker = i.startWorker() },
		func() { s.kill("redis") },
		func() { s.kill("postgres") },
	}
	a := i.listens()
	var active []operation
	for round := range 4 {
		begun := a.count()
		operations := make([]operation, 0, 4)
		for n := range 2 {
			operations = append(operations, i.create(fmt.Sprintf("Hospital %d of round %d", n, round)))
		}
		for _, o := range active {
			suspended, err := c.SuspendTenant(t.Context(), o.TenantID, client.SuspendTenantParams{Reason: "a test"})
			require.NoError(t, err)
			operations = append(operations, suspended)
		}
		for _, o := range operations {
			a.follow(o)
		}
		random.Shuffle(len(kills), func(n, m int) { kills[n], kills[m] = kills[m], kills[n] })
		moments := make([]int, len(kills))
		for n := range moments {
			moments[n] = random.IntN(2 * len(steps)) // less than the two that are new have events
		}
		slices.Sort(moments)
		for n, kill := range kills {
			a.awaits(begun + moments[n])
			kill()
		}
		for _, o := range operations {
			ended, err := c.Wait(t.Context(), o.ID)
			require.NoError(t, err)
			require.NoError(t, ended.Err())
		}
		active = operations[:2]
	}
	i.isTold(a)
}

// isTold holds what was told against what has happened, once all has ended.
func (i *installation) isTold(a *audience) {
	i.t.Helper()
	const inOrder = `ORDER BY transaction, id`
	for id, s := range a.each {
		eventually(i.t, s.what+" has an end", func() bool { _, over := s.seen(i.t); return over })
		ids, _ := s.seen(i.t)
		require.Equal(i.t, value[[]int64](i, `SELECT array_agg(id `+inOrder+`) FROM events WHERE operation_id = $1`, id), ids, s.what)
	}
	happened := value[[]int64](i, `SELECT array_agg(id `+inOrder+`) FROM events`)
	a.awaits(len(happened))
	ids, _ := a.all.seen(i.t)
	require.Equal(i.t, happened, ids)
}
