package tenant_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// side is the side of the pivot on which a row of the table holds.
type side string

const (
	before side = "before the pivot"
	after  side = "after the pivot"
)

// at is the position of a provisioning on that side.
func at(s side) tenant.Position {
	return tenant.Position{Kind: tenant.KindProvision, PivotPassed: s == after}
}

// row is a state on one side of the pivot: where each event leads, and what a
// person may do. An event that is not named leads nowhere.
type row struct {
	leads   map[tenant.Event]tenant.State
	allowed []tenant.Action
}

// operationTable is the table of an operation's life as it was designed,
// written out a second time: every state on both sides of the pivot.
func operationTable() map[tenant.State]map[side]row {
	type leads = map[tenant.Event]tenant.State
	both := func(r row) map[side]row { return map[side]row{before: r, after: r} }
	return map[tenant.State]map[side]row{
		tenant.StatePending: both(row{
			leads{
				tenant.EventClaimed:  tenant.StateRunning,
				tenant.EventRollback: tenant.StateRolledBack,
				tenant.EventCancel:   tenant.StateRolledBack, // a cancel is a rollback
			},
			[]tenant.Action{tenant.ActionRollback},
		}),
		tenant.StateRunning: {
			before: {
				leads{
					tenant.EventLastStepDone:      tenant.StateSucceeded,
					tenant.EventStepFailedForGood: tenant.StateRollingBack,
					tenant.EventRollback:          tenant.StateRollingBack,
					tenant.EventCancel:            tenant.StateRollingBack,
					tenant.EventBudgetUsedUp:      tenant.StateNeedsAttention,
				},
				[]tenant.Action{tenant.ActionRollback},
			},
			after: {
				leads{
					tenant.EventLastStepDone:      tenant.StateSucceeded,
					tenant.EventStepFailedForGood: tenant.StateNeedsAttention,
					tenant.EventBudgetUsedUp:      tenant.StateNeedsAttention,
					tenant.EventCancel:            tenant.StateSucceeded, // the mail is given up
				},
				[]tenant.Action{},
			},
		},
		tenant.StateNeedsAttention: {
			before: {
				leads{
					tenant.EventRetry:     tenant.StateRunning,
					tenant.EventRollback:  tenant.StateRollingBack,
					tenant.EventCancel:    tenant.StateRollingBack,
					tenant.EventDeadline:  tenant.StateRollingBack,
					tenant.EventPostponed: tenant.StateNeedsAttention,
				},
				[]tenant.Action{tenant.ActionRetry, tenant.ActionRollback},
			},
			after: {
				leads{
					tenant.EventRetry:     tenant.StateRunning,
					tenant.EventSkip:      tenant.StateSucceeded,
					tenant.EventCancel:    tenant.StateSucceeded,
					tenant.EventDeadline:  tenant.StateSucceeded,
					tenant.EventPostponed: tenant.StateNeedsAttention,
				},
				[]tenant.Action{tenant.ActionRetry, tenant.ActionSkip},
			},
		},
		tenant.StateRollingBack: both(row{
			leads{
				tenant.EventAllUndone:  tenant.StateRolledBack,
				tenant.EventUndoFailed: tenant.StateRollbackBlocked,
			},
			[]tenant.Action{},
		}),
		tenant.StateRollbackBlocked: both(row{
			leads{
				tenant.EventRetry: tenant.StateRollingBack,
				tenant.EventSkip:  tenant.StateRollingBack,
			},
			[]tenant.Action{tenant.ActionRetry, tenant.ActionSkip},
		}),
		tenant.StateSucceeded:  both(row{nil, []tenant.Action{}}),
		tenant.StateRolledBack: both(row{nil, []tenant.Action{}}),
	}
}

func events() []tenant.Event {
	return []tenant.Event{
		tenant.EventClaimed, tenant.EventLastStepDone, tenant.EventStepFailedForGood, tenant.EventBudgetUsedUp,
		tenant.EventRetry, tenant.EventSkip, tenant.EventRollback, tenant.EventCancel, tenant.EventDeadline,
		tenant.EventPostponed, tenant.EventAllUndone, tenant.EventUndoFailed,
	}
}

func TestEveryTransitionIsTheDesigned(t *testing.T) {
	t.Parallel()
	table := operationTable()
	require.Len(t, tenant.States(), len(table))
	for state, sides := range table {
		for s, r := range sides {
			for _, event := range append(events(), "") {
				to, err := tenant.Next(state, at(s), event)
				want, exists := r.leads[event]
				if !exists {
					require.Errorf(t, err, "%s %s: %s", state, s, event)
					require.Empty(t, to)
					continue
				}
				require.NoErrorf(t, err, "%s %s: %s", state, s, event)
				require.Equalf(t, want, to, "%s %s: %s", state, s, event)
			}
		}
	}
}

func TestEveryAllowedActionIsTheDesigned(t *testing.T) {
	t.Parallel()
	for state, sides := range operationTable() {
		for s, r := range sides {
			require.Equalf(t, r.allowed, tenant.AllowedActions(state, at(s)), "%s %s", state, s)
			o := tenant.Operation{Kind: tenant.KindProvision, State: state, PivotPassed: s == after}
			require.Equal(t, r.allowed, o.AllowedActions())
		}
	}
}

// TestEveryOperationCanEnd finds, from every state, a way to a closed one; and
// no way out of those.
func TestEveryOperationCanEnd(t *testing.T) {
	t.Parallel()
	for _, state := range tenant.States() {
		for _, s := range []side{before, after} {
			reached := reach(state, s)
			require.Truef(t, slices.ContainsFunc(reached, tenant.State.Closed), "%s %s: %v", state, s, reached)
			if state.Closed() {
				require.Equal(t, []tenant.State{state}, reached)
			}
		}
	}
}

// TestAnActiveTenantIsNeverRolledBack: after the pivot nothing that a step, a
// person, a deadline or a cancel does leads to a rollback.
func TestAnActiveTenantIsNeverRolledBack(t *testing.T) {
	t.Parallel()
	require.NotContains(t, reach(tenant.StateRunning, after), tenant.StateRollingBack)
	require.NotContains(t, reach(tenant.StateNeedsAttention, after), tenant.StateRollingBack)
}

// reach lists what can follow from a state, with itself.
func reach(from tenant.State, s side) []tenant.State {
	reached := []tenant.State{from}
	for i := 0; i < len(reached); i++ {
		for _, event := range events() {
			if to, err := tenant.Next(reached[i], at(s), event); err == nil && !slices.Contains(reached, to) {
				reached = append(reached, to)
			}
		}
	}
	return reached
}

func TestClosedStates(t *testing.T) {
	t.Parallel()
	var closed []tenant.State
	for _, s := range tenant.States() {
		if s.Closed() {
			closed = append(closed, s)
		}
	}
	require.Equal(t, []tenant.State{tenant.StateSucceeded, tenant.StateRolledBack}, closed)
}

func TestEveryActionIsAnEvent(t *testing.T) {
	t.Parallel()
	require.Equal(t, []tenant.Action{tenant.ActionRetry, tenant.ActionSkip, tenant.ActionRollback}, tenant.Actions())
	require.Equal(t, tenant.EventRetry, tenant.ActionRetry.Event())
	require.Equal(t, tenant.EventSkip, tenant.ActionSkip.Event())
	require.Equal(t, tenant.EventRollback, tenant.ActionRollback.Event())
	require.Empty(t, tenant.Action("dance").Event())
}
