package workflows_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// remains are what a terminated run can have left, step by step.
var remains = []func(*model){
	func(*model) {},
	func(m *model) {
		m.schema, m.access = true, true
		m.did(tenant.StepCreateSchema, tenant.StepRunMigrations, tenant.StepSeedRolesAndUser)
	},
	func(m *model) { m.ledger.pending = true },
	func(m *model) { m.ledger = ledger{deployed: true} },
	func(m *model) {
		m.tenant.ContractID = contractID
		m.did(tenant.StepDeployContract, tenant.StepStoreContract)
	},
}

func (m *model) did(steps ...tenant.Step) {
	for _, step := range steps {
		m.record(step, tenant.StepCompleted)
	}
}

// left is an operation whose run was terminated in a state, with what had been
// done until then, and that was released.
func left(r *running, state tenant.State, steps int) {
	m := r.model
	m.operation.State, m.tenant.Status, m.takenOver = state, tenant.StatusProvisioning, true
	for _, done := range remains[:steps+1] {
		done(m)
	}
	switch state {
	case tenant.StateNeedsAttention, tenant.StateRollingBack:
		m.operation.FailedStep, m.operation.FailureClass, m.operation.FailureReason = tenant.StepDeployContract, tenant.ClassExhausted, "the ledger was away"
	case tenant.StateRollbackBlocked:
		m.operation.FailedStep, m.operation.FailureClass, m.operation.FailureReason = tenant.StepDeployContract, tenant.ClassUndoFailed, "stuck"
	case tenant.StatePending, tenant.StateRunning, tenant.StateSucceeded, tenant.StateRolledBack:
	}
}

func activated(r *running) {
	r.model.tenant.Status, r.model.operation.PivotPassed = tenant.StatusActive, true
	r.model.did(tenant.StepMarkActive)
}

// TestTakeOverBeforeThePivot: wherever a run was terminated, the next one
// undoes everything.
func TestTakeOverBeforeThePivot(t *testing.T) {
	t.Parallel()
	for state, want := range map[tenant.State]string{
		tenant.StateRunning: "its run was terminated", tenant.StateNeedsAttention: "its run was terminated",
		tenant.StateRollingBack: "the ledger was away", tenant.StateRollbackBlocked: "an undo was blocked when its run ended",
	} {
		for steps := range remains {
			t.Run(fmt.Sprintf("%s after %d", state, steps), func(t *testing.T) {
				t.Parallel()
				r := newRunning(t)
				left(r, state, steps)
				err := r.run(t)
				requireWhole(t, r, err)
				require.Equal(t, tenant.StateRolledBack, r.model.operation.State)
				require.Equal(t, want, r.model.operation.FailureReason)
				require.Zero(t, r.model.mails.delivered())
			})
		}
	}
}

// TestTakeOverAfterThePivot: the rest is done, and nothing is undone.
func TestTakeOverAfterThePivot(t *testing.T) {
	t.Parallel()
	for _, state := range []tenant.State{tenant.StateRunning, tenant.StateNeedsAttention} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			r := newRunning(t)
			left(r, state, len(remains)-1)
			activated(r)
			err := r.run(t)
			requireWhole(t, r, err)
			require.Equal(t, tenant.StateSucceeded, r.model.operation.State)
			require.NotContains(t, r.model.calls, "CreateSchema")
			require.NotContains(t, r.model.calls, "DropSchema")
		})
	}
}

// TestAnUndoIsBlockedAfterATakeOver: what holds for any rollback holds for one
// that was taken over.
func TestAnUndoIsBlockedAfterATakeOver(t *testing.T) {
	t.Parallel()
	r := newRunning(t)
	left(r, tenant.StateRollbackBlocked, len(remains)-1)
	r.model.faults = append(r.model.faults, &fault{call: "DropSchema", times: 3, before: permanent})
	err := r.run(t)
	requireWhole(t, r, err)
	require.Equal(t, tenant.StateRolledBack, r.model.operation.State)
}

// TestAResetRunGoesOn: it is the same run to the operation, so it may find
// what it has itself done before, in any state.
func TestAResetRunGoesOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state, want tenant.State
		active      bool
	}{
		{tenant.StateRunning, tenant.StateSucceeded, false},
		{tenant.StateNeedsAttention, tenant.StateSucceeded, false},
		{tenant.StateRollingBack, tenant.StateRolledBack, false},
		{tenant.StateRollbackBlocked, tenant.StateRolledBack, false},
		{tenant.StateRunning, tenant.StateSucceeded, true},
		{tenant.StateNeedsAttention, tenant.StateSucceeded, true},
	} {
		t.Run(fmt.Sprintf("%s %t", c.state, c.active), func(t *testing.T) {
			t.Parallel()
			r := newRunning(t)
			left(r, c.state, len(remains)-1)
			r.model.takenOver, r.model.operation.RunID = false, originalRun
			if c.active {
				activated(r)
			}
			err := r.run(t)
			requireWhole(t, r, err)
			require.Equal(t, c.want, r.model.operation.State)
		})
	}
}

// TestResetOfAClosedOperationChangesNothing.
func TestResetOfAClosedOperationChangesNothing(t *testing.T) {
	t.Parallel()
	for _, state := range []tenant.State{tenant.StateSucceeded, tenant.StateRolledBack} {
		r := newRunning(t)
		left(r, state, 0)
		r.model.operation.RunID = originalRun
		require.NoError(t, r.run(t))
		require.Equal(t, []string{"Claim"}, r.model.calls)
		require.Equal(t, state, r.model.operation.State)
	}
}

// TestAResetRunFindsThatItHadParked: its history was cut before the parking,
// its row was not.
func TestAResetRunFindsThatItHadParked(t *testing.T) {
	t.Parallel()
	r := newRunning(t)
	r.model.faults = append(r.model.faults, &fault{call: "CreateSchema", times: 1, before: func(context.Context) error {
		r.model.mu.Lock()
		defer r.model.mu.Unlock()
		r.model.operation.State = tenant.StateNeedsAttention
		return nil
	}})
	err := r.run(t)
	requireWhole(t, r, err)
	require.Equal(t, tenant.StateSucceeded, r.model.operation.State)
}

// TestARollbackThatComesBeforeTheClaimNeverUndoesWhatIsActive: the run learns
// that the tenant is active only after it has accepted it.
func TestARollbackThatComesBeforeTheClaimNeverUndoesWhatIsActive(t *testing.T) {
	t.Parallel()
	for _, ask := range []reaction{signal(tenant.ActionRollback), update(tenant.ActionRollback)} {
		for _, run := range []string{"", originalRun} {
			r := newRunning(t)
			left(r, tenant.StateNeedsAttention, len(remains)-1)
			activated(r)
			r.model.takenOver, r.model.operation.RunID = run == "", run
			with(fault{call: "Claim", times: 1, before: r.meanwhile(ask)}, fault{call: "SendEmail", times: always, before: permanent})(r)
			requireWhole(t, r, r.run(t))
			require.Equal(t, tenant.StateSucceeded, r.model.operation.State, "the deadline gives the mail up")
			require.Equal(t, 1, r.audited(tenant.ActionRollback, tenant.OutcomeAccepted))
			require.Equal(t, 1, r.audited(tenant.ActionRollback, tenant.OutcomeRefused))
		}
	}
}

// TestALostClaimIsClaimedAgain: a failover of the database has lost its commit.
func TestALostClaimIsClaimedAgain(t *testing.T) {
	t.Parallel()
	r := newRunning(t)
	with(fault{call: "CreateSchema", times: 1, before: func(context.Context) error {
		r.model.mu.Lock()
		defer r.model.mu.Unlock()
		r.model.operation.State, r.model.operation.RunID = tenant.StatePending, ""
		return nil
	}})(r)
	requireWhole(t, r, r.run(t))
	require.Equal(t, tenant.StateSucceeded, r.model.operation.State)
}
