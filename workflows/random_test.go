package workflows_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tenant-provisioning/internal/tenant"
)

// TestAnyFaultsTogether draws several faults and what people do about them, at
// any calls: whatever happens to a run, it ends, and ends whole.
func TestAnyFaultsTogether(t *testing.T) {
	t.Parallel()
	all := courses(t)
	rapid.Check(t, func(rt *rapid.T) {
		c := rapid.SampledFrom(all).Draw(rt, "course")
		r := c.running(t)
		drawTrouble(rt, c)(r)
		err := r.run(t)
		requireWhole(fatal{rt, r}, r, err)
	})
}

// fatal tells rapid what went wrong, with the course of the run.
type fatal struct {
	*rapid.T
	run *running
}

func (f fatal) Errorf(format string, args ...any) {
	f.T.Errorf("%s\ncalls: %v\naudits: %+v", fmt.Sprintf(format, args...), f.run.model.sites, f.run.model.audits)
}

func drawTrouble(rt *rapid.T, c course) func(*running) {
	calls := slices.Concat(
		[]string{"Claim", "RecordFailure", "AuditRequest", "LeaveEmail", "FindEmail", "RepeatEmail"},
		c.before, c.after, c.back,
		[]string{"Move NEEDS_ATTENTION", "Move RUNNING", "Move ROLLING_BACK", "Move ROLLED_BACK", "Move ROLLBACK_BLOCKED", "Move SUCCEEDED"},
	)
	failures := map[string]failure{"transient": transient, "in doubt": inDoubt, "unforeseen": unforeseen, "permanent": permanent}
	acts := map[string]reaction{
		"cancel": cancel, "retry": update(tenant.ActionRetry), "skip": update(tenant.ActionSkip), "rollback": update(tenant.ActionRollback),
		"retry by signal": signal(tenant.ActionRetry), "rollback by signal": signal(tenant.ActionRollback),
	}
	type trouble struct{ call, when, kind string }
	var troubles []trouble
	var faults []fault
	for range rapid.IntRange(0, 4).Draw(rt, "faults") {
		d := trouble{
			call: rapid.SampledFrom(calls).Draw(rt, "call"),
			when: rapid.SampledFrom([]string{"before", "after", "meanwhile", "late"}).Draw(rt, "when"),
		}
		kinds := []string{"transient", "in doubt", "unforeseen", "permanent"}
		if d.when == "meanwhile" {
			kinds = sortedKeys(acts)
		}
		d.kind = rapid.SampledFrom(kinds).Draw(rt, "kind")
		f := fault{call: d.call, spared: rapid.IntRange(0, 2).Draw(rt, "spared"), times: rapid.IntRange(1, 7).Draw(rt, "times")}
		if d.when == "late" {
			f.late, f.times = rapid.SampledFrom(calls).Draw(rt, "moment"), 1
		}
		troubles, faults = append(troubles, d), append(faults, f)
	}
	var parked, blocked []string
	for range rapid.IntRange(0, 3).Draw(rt, "decisions") {
		parked = append(parked, rapid.SampledFrom(sortedKeys(acts)).Draw(rt, "when parked"))
		blocked = append(blocked, rapid.SampledFrom(sortedKeys(acts)).Draw(rt, "when blocked"))
	}
	return func(r *running) {
		for i, d := range troubles {
			f := faults[i]
			switch {
			case d.when == "meanwhile":
				f.before = r.meanwhile(acts[d.kind])
			case excused(d.call, d.kind, d.when):
				continue
			case d.when == "after":
				f.after = failures[d.kind]
			default:
				f.before = failures[d.kind]
			}
			r.model.faults = append(r.model.faults, &f)
		}
		for i := range parked {
			r.reactions[tenant.StateNeedsAttention] = append(r.reactions[tenant.StateNeedsAttention], acts[parked[i]])
			r.reactions[tenant.StateRollbackBlocked] = append(r.reactions[tenant.StateRollbackBlocked], acts[blocked[i]])
		}
	}
}

// excused tells what an adapter never does: a mail that may have left is in
// doubt and not anything else, the provider says so while it may only not be
// visible yet, and the state of an operation is never refused for good.
func excused(call, kind, when string) bool {
	switch name(call) {
	case "SendEmail":
		return when == "late" || when == "after" && kind != "in doubt"
	case "FindEmail":
		return when == "late"
	}
	return false
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
