package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// grace is how long compose and Swarm wait between SIGTERM and SIGKILL;
// Kubernetes is told to wait longer.
const grace = 30 * time.Second

// TestTheServersStopFirst: a host that goes down stops everything in any order, the
// databases first at worst, and a container that is gone need not say so. Api and
// worker end by themselves in time, and what they were at goes on when all is back.
func TestTheServersStopFirst(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*gate) outage{
		"they refuse connections": func(g *gate) outage { return outage{away: g.cut, back: g.open} },
		"they are silent":         func(g *gate) outage { return outage{away: g.freeze, back: func() { g.cut(); g.thaw(); g.open() }} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			var servers []outage
			for _, g := range []*gate{i.throughGate("DB_HOST", "DB_PORT"), i.throughGate("REDIS_HOST", "REDIS_PORT"), i.throughTemporalGate()} {
				servers = append(servers, breaks(g))
			}
			api, worker := i.start()
			held := i.rpc.hold(t, sendTransaction, afterSending)
			var operations []operation
			for n := range 3 {
				operations = append(operations, i.create(fmt.Sprintf("Hospital %d", n)))
			}
			held.awaitAll(len(operations))

			for _, s := range servers {
				s.away()
			}
			for _, p := range []*process{api, worker} {
				asked := time.Now()
				p.Signal(syscall.SIGTERM)
				require.Zero(t, p.wait(), "%s ends well", p.name)
				took := time.Since(asked)
				t.Logf("%s took %s", p.name, took)
				require.Less(t, took, grace, p.name)
			}
			for _, s := range servers {
				s.back()
			}
			held.release()
			i.start()
			for _, o := range operations {
				i.becomesActive(o)
			}
			require.Zero(t, value[int](i, `SELECT count(*) FROM events WHERE data->>'state' = 'NEEDS_ATTENTION'`), "nobody was needed")
			i.requireNoMore()
		})
	}
}
