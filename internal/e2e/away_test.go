package e2e

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/redis/redistest"
)

// outage takes something away from an installation, and gives it back.
type outage struct {
	away, back func()
	// noticed tells that the product has missed what is away.
	noticed func(*installation, *process) bool
}

func missedBy(step string) func(*installation, *process) bool {
	return func(i *installation, _ *process) bool {
		return value[bool](i, `SELECT EXISTS (SELECT FROM provisioning_logs WHERE step = $1 AND status = 'FAILED')`, step)
	}
}

var (
	missedByContract = missedBy("DEPLOY_SOROBAN_CONTRACT")
	missedByMail     = missedBy("SEND_WELCOME_EMAIL")
)

// missedByLimiter: requests are let in by the process's own count.
func missedByLimiter(i *installation, _ *process) bool {
	return regexp.MustCompile(`rate_limit_decisions_total\{decision="unchecked"\} [1-9]`).Match(i.call(http.MethodGet, "/metrics", nil).body)
}

// missedByWorker: it waits for Temporal to start, or has taken an operation and
// could not start its run.
func missedByWorker(i *installation, worker *process) bool {
	return strings.Contains(worker.stderr.String(), "Temporal is away") ||
		value[bool](i, `SELECT EXISTS (SELECT FROM operations WHERE state = 'PENDING' AND dispatch_after > created_at)`)
}

// outages are all that provisioning waits for. PostgreSQL is another matter:
// without it nothing can be accepted.
var outages = map[string]func(*installation) outage{
	"Stellar RPC answers 503": func(i *installation) outage {
		return outage{away: func() { i.rpc.fail(http.StatusServiceUnavailable) }, back: i.rpc.heal, noticed: missedByContract}
	},
	"Stellar RPC refuses connections": func(i *installation) outage {
		g := newGate(i.t, i.rpc.url[len("http://"):])
		i.env["SOROBAN_RPC_URL"] = "http://" + g.address()
		return outage{away: g.cut, back: g.open, noticed: missedByContract}
	},
	"Stellar RPC is silent": func(i *installation) outage {
		g := newGate(i.t, i.rpc.url[len("http://"):])
		i.env["SOROBAN_RPC_URL"] = "http://" + g.address()
		return outage{away: g.freeze, back: g.thaw, noticed: missedByContract}
	},
	"mail refuses connections": func(i *installation) outage {
		g := i.throughMailGate()
		return outage{away: g.cut, back: g.open, noticed: missedByMail}
	},
	"Redis refuses connections": func(i *installation) outage {
		r := redistest.Start(i.t)
		g := newGate(i.t, r.Addr)
		i.env["REDIS_HOST"], i.env["REDIS_PORT"] = host, strconv.Itoa(g.port)
		return outage{away: g.cut, back: g.open, noticed: missedByLimiter}
	},
	"Redis is silent": func(i *installation) outage {
		g := i.throughGate("REDIS_HOST", "REDIS_PORT")
		return outage{away: g.freeze, back: g.thaw, noticed: missedByLimiter}
	},
	"Temporal refuses connections": func(i *installation) outage {
		g := i.throughTemporalGate()
		return outage{away: g.cut, back: g.open, noticed: missedByWorker}
	},
	"Temporal is silent": func(i *installation) outage {
		g := i.throughTemporalGate()
		// What was silent for long is not delivered any more.
		return outage{away: g.freeze, back: func() { g.cut(); g.thaw(); g.open() }, noticed: missedByWorker}
	},
}

// TestAwayAtTheStart starts everything while something is away: tenants are
// accepted, and active once it is back.
func TestAwayAtTheStart(t *testing.T) {
	t.Parallel()
	for name, of := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			direct := i.with(nil)
			o := of(i)
			o.away()
			_, worker := i.start()
			operations := []operation{i.create("Charité"), i.create("Bethanien")}
			require.Equal(t, http.StatusOK, i.insist(http.MethodGet, "/health", nil).status)
			require.Equal(t, http.StatusOK, i.insist(http.MethodGet, "/v1/tenants", nil).status)
			eventually(t, "it is noticed that "+name, func() bool { return o.noticed(i, worker) })
			o.back()
			for _, op := range operations {
				direct.becomesActive(op)
			}
			direct.requireNoMore()
		})
	}
}

// TestAwayInTheMiddle takes something away while a contract is being deployed.
func TestAwayInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, of := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			direct := i.with(nil)
			o := of(i)
			_, worker := i.start()
			held := i.holdRow("provisioning_logs", "NEW.step = 'DEPLOY_SOROBAN_CONTRACT' AND NEW.status = 'IN_PROGRESS'")
			first := i.create("Charité")
			held.await()
			o.away()
			held.release()
			second := i.create("Bethanien")
			eventually(t, "it is noticed that "+name, func() bool { return o.noticed(i, worker) })
			o.back()
			direct.becomesActive(first)
			direct.becomesActive(second)
			direct.requireNoMore()
		})
	}
}

// TestTemporalIsKilled kills the server itself, before anything was started and
// in the middle.
func TestTemporalIsKilled(t *testing.T) {
	t.Parallel()
	server := startTemporal(t)
	i := install(t, map[string]string{"TEMPORAL_ADDRESS": server.address})
	server.kill()
	i.start()
	first := i.create("Charité")
	require.Equal(t, client.StatePending, i.operation(first.ID).State)
	held := i.rpc.hold(t, sendTransaction, beforeSending)
	server.start()
	held.await()

	server.kill()
	held.release()
	second := i.create("Bethanien")
	r := i.act(first.ID, "rollback")
	require.Equal(t, http.StatusServiceUnavailable, r.status, "%s", r.body)
	require.NotEmpty(t, r.header.Get("Retry-After"))
	server.start()
	i.becomesActive(first)
	i.becomesActive(second)
	i.requireNoMore()
}

// TestEveryWorkerIsAway: what is accepted waits, and an action does as well.
func TestEveryWorkerIsAway(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	o, unwanted := i.create("Charité"), i.create("Bethanien")
	require.Equal(t, client.StatePending, i.operation(o.ID).State)
	i.actUntilAccepted(unwanted.ID, "rollback") // nothing was done, so nobody is needed
	require.Equal(t, client.StateRolledBack, i.operation(unwanted.ID).State)
	require.Equal(t, client.StatusFailed, i.tenant(unwanted.TenantID).Status)
	i.startWorker()
	i.becomesActive(o)
	i.requireNoMore()
}

// TestPostgresIsAway: the api says so, promptly, and provisioning goes on when
// it is back.
func TestPostgresIsAway(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*gate) outage{
		"refuses connections": func(g *gate) outage { return outage{away: g.cut, back: g.open} },
		"is silent":           func(g *gate) outage { return outage{away: g.freeze, back: func() { g.cut(); g.thaw(); g.open() }} },
		"has vanished":        func(g *gate) outage { return outage{away: g.freeze, back: g.replace} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			o := breaks(i.throughGate("DB_HOST", "DB_PORT"))
			o.away()
			i.start()
			i.refusesPromptly(nil)
			o.back()
			i.becomesActive(i.createPatiently("Charité"))
			held := i.rpc.hold(t, sendTransaction, afterSending)
			second := i.create("Bethanien")
			held.await()

			o.away()
			held.release()
			i.refusesPromptly(&second)
			o.back()
			i.becomesActive(second)
			third := i.createPatiently("Nordend")
			i.becomesActive(third)
			i.requireNoMore()
		})
	}
}

// refusesPromptly checks what the api says while the database is away, to many
// at once as well.
func (i *installation) refusesPromptly(o *operation) {
	i.t.Helper()
	requests := []func() reply{
		func() reply { return i.call(http.MethodPost, "/v1/tenants", request("Nowhere")) },
		func() reply { return i.call(http.MethodGet, "/v1/tenants", nil) },
		func() reply { return i.call(http.MethodGet, "/health", nil) },
	}
	if o != nil {
		requests = append(requests,
			func() reply { return i.act(o.ID, "rollback") },
			func() reply { return i.call(http.MethodGet, "/v1/operations/"+o.ID, nil) })
	}
	for _, r := range requests {
		for _, answer := range i.atOnce(8, r) {
			require.Equal(i.t, http.StatusServiceUnavailable, answer.status, "%s", answer.body)
			require.NotEmpty(i.t, answer.header.Get("Retry-After"))
		}
	}
	require.Equal(i.t, http.StatusOK, i.call(http.MethodGet, "/livez", nil).status, "restarting the api would help nobody")
}

// TestAllIsAwayAtOnce starts without anything but a database.
func TestAllIsAwayAtOnce(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	direct := i.with(nil)
	var back []func()
	for _, name := range []string{"Stellar RPC refuses connections", "mail refuses connections", "Redis refuses connections", "Temporal refuses connections"} {
		o := outages[name](i)
		o.away()
		back = append(back, o.back)
	}
	_, worker := i.start()
	o := i.create("Charité")
	eventually(t, "Temporal is missed", func() bool { return missedByWorker(i, worker) })
	for _, b := range back {
		b()
	}
	direct.becomesActive(o)
	direct.requireNoMore()
}
