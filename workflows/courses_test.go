package workflows_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// course is a way of a kind from one status to another, and the calls that it
// makes, by their sites, in order. Nobody lists these: runs on the model do.
type course struct {
	kind     tenant.Kind
	from, to tenant.Status
	// lifecycle is the kind's row with the stages that lie on the way.
	lifecycle tenant.Lifecycle
	// before and after are the calls of the way forward on both sides of the pivot,
	// and back are those of the undos.
	before, after, back []string
	// once holds the calls that are not repeated when only their answer was lost:
	// the next attempt finds what they have done.
	once map[string]bool
	// ends is the call that ends the operation.
	ends string
}

func (c course) String() string {
	return strings.TrimSuffix(string(c.kind)+" "+string(c.from), " ") + " to " + string(c.to)
}

func (c course) model() *model { return newModelOf(c.kind, c.from, c.to) }

func (c course) running(t *testing.T) *running {
	t.Helper()
	return runningOn(t, c.model(), originalRun)
}

func (c course) forward() []string { return slices.Concat(c.before, c.after) }

// pivot is the call that passes it; empty where the claim does.
func (c course) pivot() string {
	if len(c.before) == 0 {
		return ""
	}
	return c.before[len(c.before)-1]
}

// middle is a call in the middle of what must be done: before the pivot, if there is
// anything.
func (c course) middle() string {
	must := c.before
	if len(must) == 0 {
		must = slices.DeleteFunc(slices.Clone(c.after), c.optional)
	}
	return must[len(must)/2]
}

// mail is the first call for the mail; empty where there is none.
func (c course) mail() string {
	i := slices.IndexFunc(c.after, c.optional)
	if i < 0 {
		return ""
	}
	return c.after[i]
}

func (c course) optional(call string) bool { return c.lifecycle.Stages[c.stage(call)].Optional }

// inOrder tells whether one call comes before another.
func (c course) inOrder(one, other string) bool {
	all := c.forward()
	return slices.Index(all, one) < slices.Index(all, other)
}

// stage is the index of the stage that makes a call, or undoes by it.
func (c course) stage(call string) int {
	by, _, _ := strings.Cut(call, ".")
	return slices.IndexFunc(c.lifecycle.Stages, func(s tenant.Stage) bool {
		return s.Activity == by || s.Undo != nil && s.Undo.Activity == by
	})
}

// undosOf lists the calls of the undos that a failure of a call leads to.
func (c course) undosOf(call string) []string {
	return slices.DeleteFunc(slices.Clone(c.back), func(undo string) bool { return c.stage(undo) > c.stage(call) })
}

func (c course) isBefore(call string) bool { return slices.Contains(c.before, call) }

func (c course) skippable(call string) bool { return c.lifecycle.Stages[c.stage(call)].Skippable }

// failsClosed tells that a failure of the call waits for a person for as long as
// it takes.
func (c course) failsClosed(call string) bool {
	if c.isBefore(call) {
		return c.lifecycle.FailsClosed
	}
	return !c.optional(call)
}

// ways lists the courses of a kind. One that begins anew begins with nothing.
func ways(l tenant.Lifecycle) []course {
	var all []course
	add := func(from, to tenant.Status) {
		all = append(all, course{kind: l.Kind, from: from, to: to, lifecycle: l.Between(from, to)})
	}
	from := l.From
	if l.Anew {
		from = []tenant.Status{""}
	}
	for _, status := range from {
		if l.Keeps {
			add(status, status)
			continue
		}
		if l.Reaches != "" {
			add(status, l.Reaches)
			continue
		}
		archive, _ := tenant.KindArchive.Lifecycle() // it leads back to where the tenant was archived
		for _, to := range archive.From {
			add(status, to)
		}
	}
	return all
}

var (
	coursesOnce sync.Once
	coursesSeen []course
)

// courses lists those of all kinds with their calls.
func courses(t *testing.T) []course {
	t.Helper()
	coursesOnce.Do(func() {
		for _, l := range tenant.Lifecycles() {
			for _, c := range ways(l) {
				coursesSeen = append(coursesSeen, c.explored(t))
			}
		}
	})
	require.NotEmpty(t, coursesSeen)
	return coursesSeen
}

// explored finds a course's calls.
func (c course) explored(t *testing.T) course {
	t.Helper()
	trace := func(arrange func(*running)) (*model, []string) {
		r := c.running(t)
		arrange(r)
		_ = r.run(t) // the scenarios judge
		return r.model, r.model.sites
	}
	straight, sites := trace(func(*running) {})
	c.ends = straight.ended
	c.before, c.after = c.callsOf(sites[:straight.pivotAt], false), c.callsOf(sites[straight.pivotAt:], false)
	require.Equal(t, c.lifecycle.ClaimIsPivot, len(c.before) == 0, "%s has no pivot", c)
	_, sites = trace(func(r *running) {
		with(fault{call: c.pivot(), times: always, before: permanent})(r)
		r.reactions[tenant.StateNeedsAttention] = []reaction{update(tenant.ActionRollback)}
	})
	c.back = c.callsOf(sites, true)
	c.once = map[string]bool{}
	for _, call := range c.forward() {
		_, sites = trace(with(fault{call: call, times: 1, after: inDoubt}))
		met := 0
		for _, s := range sites {
			if s == call {
				met++
			}
		}
		c.once[call] = met == 1
	}
	return c
}

// callsOf are the calls of the stages, or of the undos, in the order of their
// first time.
func (c course) callsOf(sites []string, undos bool) []string {
	var calls []string
	for _, s := range sites {
		by, _, _ := strings.Cut(s, ".")
		if i := c.stage(s); i >= 0 && (c.lifecycle.Stages[i].Activity != by) == undos && !slices.Contains(calls, s) {
			calls = append(calls, s)
		}
	}
	return calls
}

// TestAnOperationRunsWhatItsRowNames: no activity but those of the kind's row, in
// its order, and their undos from the last to the first.
func TestAnOperationRunsWhatItsRowNames(t *testing.T) {
	t.Parallel()
	for _, c := range courses(t) {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			var forward, back []string
			for _, s := range c.lifecycle.Stages {
				forward = append(forward, s.Activity)
				if s.Undo != nil {
					back = append([]string{s.Undo.Activity}, back...)
				}
			}
			straight := c.running(t)
			requireWhole(t, straight, straight.run(t))
			require.Equal(t, forward, straight.watch.steps())

			if c.lifecycle.ClaimIsPivot {
				return
			}
			pivot := slices.IndexFunc(c.lifecycle.Stages, func(s tenant.Stage) bool { return s.Pivot })
			undone := c.running(t)
			with(fault{call: c.pivot(), times: always, before: permanent})(undone)
			requireWhole(t, undone, undone.run(t))
			require.Equal(t, tenant.StateRolledBack, undone.model.operation.State)
			require.Equal(t, slices.Concat(forward[:pivot+1], back), undone.watch.steps())
		})
	}
}

// TestStepsBelongToTheirRows: the row says as well which stages a status needs.
func TestStepsBelongToTheirRows(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"provision to ACTIVE":            "CreateSchema DeployContract MarkActive SendWelcomeEmail",
		"suspend ACTIVE to SUSPENDED":    "RevokeAccess SuspendContract MarkSuspended SendSuspendedEmail",
		"resume SUSPENDED to ACTIVE":     "ResumeContract MarkActive SendResumedEmail",
		"archive ACTIVE to ARCHIVED":     "RevokeAccess SuspendContract MarkArchived SendArchivedEmail",
		"archive SUSPENDED to ARCHIVED":  "MarkArchived SendArchivedEmail",
		"undelete ARCHIVED to ACTIVE":    "ResumeContract MarkActive SendUndeletedEmail",
		"undelete ARCHIVED to SUSPENDED": "MarkSuspended SendUndeletedEmail",
		"purge ARCHIVED to DELETED":      "EndContracts RemoveSchema SendDeletedEmail EraseAdministrator MarkDeleted",
		"purge FAILED to DELETED":        "EndContracts RemoveSchema EraseAdministrator MarkDeleted",
		"invite ACTIVE to ACTIVE":        "SendInvitedElsewhereEmail SendWelcomeEmail",
		"restore ACTIVE to ACTIVE":       "RestoreData RevokeAccess SwapSchemas",
		"restore SUSPENDED to SUSPENDED": "RestoreData SwapSchemas",
	}
	for _, c := range courses(t) {
		var names []string
		for _, s := range c.lifecycle.Stages {
			names = append(names, s.Activity)
		}
		require.Equal(t, want[c.String()], strings.Join(names, " "), c)
		delete(want, c.String())
	}
	require.Empty(t, want)
}
