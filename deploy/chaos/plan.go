package main

import (
	"math/rand/v2"
	"time"

	"tenant-provisioning/internal/tenant"
)

// maxWait is the longest time from the acceptance of tenants to what befalls
// them: one takes one to two seconds, so that every step is met.
const maxWait = 4 * time.Second

// plan is what is done to the product and to the tenants, round by round.
type plan []round

// round creates a tenant for each fate and kills one component.
type round struct {
	victim string
	wait   time.Duration // from the acceptance of the tenants to the kill
	fates  []fate
}

// fate is what befalls a tenant beside the kills.
type fate struct {
	event event
	wait  time.Duration // from the tenant's acceptance to what is done to it
	// decision is what a person tries first when the operation parks.
	decision tenant.Action
	// anew has the tenant provisioned anew when it ends FAILED.
	anew bool
}

// event is what happens to a tenant.
type event string

const (
	leftAlone   event = "left alone"
	rollback    event = "rollback requested"
	cancelled   event = "cancelled in Temporal"
	terminated  event = "terminated in Temporal"
	mailRefused event = "mail refused"
	ledgerAway  event = "ledger away, budget of 5 s"
)

// events, decisions and victims are drawn from, each as often as it is there. An
// absent ledger holds up its round. The worker does the work: it is killed twice as
// often as any other.
var (
	events = []event{
		leftAlone, leftAlone, leftAlone, rollback, rollback, cancelled, cancelled, terminated, mailRefused, mailRefused, ledgerAway,
	}
	decisions = []tenant.Action{tenant.ActionRetry, tenant.ActionSkip, tenant.ActionRollback}
	victims   = []string{"worker", "worker", "api", "temporal", "postgres", "redis", "stellar", "mail"}
)

// newPlan draws a plan: the same one from the same seed.
func newPlan(seed uint64, rounds, tenants int) plan {
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // it must be repeatable
	moment := func() time.Duration { return time.Duration(random.Int64N(int64(maxWait))) }
	p := make(plan, rounds)
	for i := range p {
		p[i] = round{victim: pick(random, victims), wait: moment()}
		for range tenants {
			p[i].fates = append(p[i].fates, fate{
				event: pick(random, events), wait: moment(), decision: pick(random, decisions), anew: random.IntN(2) == 0,
			})
		}
	}
	return p
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// has reports whether a tenant of the round meets an event.
func (r round) has(e event) bool {
	for _, f := range r.fates {
		if f.event == e {
			return true
		}
	}
	return false
}
