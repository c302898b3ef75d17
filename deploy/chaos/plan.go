package main

import (
	"math/rand/v2"
	"time"

	"tenant-provisioning/internal/tenant"
)

const (
	// maxWait is the longest time from the acceptance of a round's tenants to its
	// kill, and to what befalls a tenant that is made: one takes one to two seconds,
	// so that every step is met.
	maxWait = 4 * time.Second
	// maxTurnWait is that of the later operations, which have less to do.
	maxTurnWait = 2 * time.Second
	// longestLife is how many operations a tenant has at most.
	longestLife = 7
)

// plan is what is done to the product and to the tenants, round by round.
type plan []round

// round creates a tenant for each life and kills one component, on a network that may
// have a fault. The last ones
// create none: they kill while the tenants of those before live on.
type round struct {
	victim string
	fault  fault
	wait   time.Duration // from the acceptance of the tenants to the kill
	lives  []life
}

// life is what a tenant goes through beside the kills.
type life struct {
	// fates are those of its operations, of which the first provisions it.
	fates []fate
	// ends tells that the first operation which is rolled back is the last one.
	ends bool
}

// fate is what befalls an operation.
type fate struct {
	// choice is what its kind is chosen by, among those that the table of kinds has
	// for the tenant's status by then.
	choice int
	event  event
	wait   time.Duration // from the acceptance to what is done to it
	// decision is what a person tries first when it parks.
	decision tenant.Action
}

// event is what happens to an operation.
type event string

const (
	leftAlone   event = "left alone"
	rollback    event = "rollback requested"
	cancelled   event = "cancelled in Temporal"
	terminated  event = "terminated in Temporal"
	mailRefused event = "mail refused"
	ledgerAway  event = "ledger away, budget of 5 s"
)

// leaveIt decides nothing: what is left to do gives way to the next operation,
// where the table has it so. Elsewhere a person tries again.
const leaveIt tenant.Action = "leave it"

// events, decisions and victims are drawn from, each as often as it is there. The
// worker does the work: it is killed twice as often as any other.
var (
	events = []event{
		leftAlone, leftAlone, leftAlone, rollback, rollback, cancelled, cancelled, terminated, mailRefused, mailRefused, ledgerAway,
	}
	decisions = []tenant.Action{tenant.ActionRetry, tenant.ActionSkip, tenant.ActionRollback, leaveIt}
	victims   = []string{"worker", "worker", "api", "temporal", "postgres", "redis", "stellar", "mail"}
)

// newPlan draws a plan: the same one from the same seed.
func newPlan(seed uint64, rounds, tenants int) plan {
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // it must be repeatable
	p := make(plan, rounds+longestLife)
	for i := range p {
		p[i] = round{victim: pick(random, victims), fault: pick(random, faults), wait: moment(random, maxWait)}
		for range tenants {
			if i < rounds {
				p[i].lives = append(p[i].lives, newLife(random))
			}
		}
	}
	return p
}

func newLife(random *rand.Rand) life {
	l := life{ends: random.IntN(2) == 0, fates: make([]fate, 1+random.IntN(longestLife))}
	longest := maxWait
	for i := range l.fates {
		l.fates[i] = fate{choice: random.Int(), event: pick(random, events), wait: moment(random, longest), decision: pick(random, decisions)}
		longest = maxTurnWait
	}
	return l
}

func moment(random *rand.Rand, longest time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(longest)))
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// kind is that of an operation of a tenant in this status, by the table of kinds;
// false where it has none. One that is left gives way to no operation of its kind. A
// restore needs a backup, of which chaos makes none.
func (f fate) kind(s tenant.Status, before *deed) (tenant.Kind, bool) {
	var accept []tenant.Kind
	for _, l := range tenant.Lifecycles() {
		if l.Accepts(s) && !l.TakesBackup && !(before.left && before.kind == l.Kind) {
			accept = append(accept, l.Kind)
		}
	}
	if len(accept) == 0 {
		return "", false
	}
	return accept[f.choice%len(accept)], true
}
