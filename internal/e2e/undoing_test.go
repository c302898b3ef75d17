package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	sdk "go.temporal.io/sdk/client"

	"tenant-provisioning/client"
)

// TestRollbackIsTerminated in the middle of each undo: whatever the terminated
// run has left under way, another run ends the rollback.
func TestRollbackIsTerminated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		moment
		// local is done in the workflow's task: the worker would go on to the end
		// before it hears of the termination, so it is killed.
		local bool
	}{
		{moment: moment{name: "before the contract's end is sent", stop: row("stellar_transactions", "NEW.purpose = 'SET_STATUS'")}},
		{moment: moment{
			name: "the contract has ended, it is not noted",
			stop: row("provisioning_logs", "NEW.step = 'DEPLOY_SOROBAN_CONTRACT' AND NEW.status = 'ROLLED_BACK'"),
		}},
		{moment: moment{name: "in the schema", stop: row("provisioning_logs", "NEW.step = 'CREATE_SCHEMA' AND NEW.status = 'ROLLED_BACK'")}, local: true},
		{moment: moment{name: "all is undone, it is not noted", stop: row("operations", "NEW.state = 'ROLLED_BACK'")}, local: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			held := c.stop(i)
			failures["the database rejects the activation"].arrange(i, operation{})
			_, worker := i.start()
			o := i.create("Charité")
			held.await()
			require.Equal(t, client.StateRollingBack, i.operation(o.ID).State)
			run := i.terminateHeld(o)
			if c.local {
				worker.kill()
				i.startWorker()
			}
			held.release()
			i.ages(o)
			i.reconciles()
			o, tenant := i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
			require.NotEqual(t, run, value[string](i, `SELECT run_id FROM operations WHERE id = $1`, o.ID), "another run has ended it")
			require.Equal(t, client.StepNameMarkActive, o.FailedStep, "the cause is kept")
			require.Contains(t, tenant.FailureReason, "SQLSTATE 22012")
			i.ages(o)
			require.Empty(t, i.reconciles(), "it fits together again")
		})
	}
}

// TestBlockedRollbackIsTerminated: another run tries the undo again, and is
// blocked as well for as long as nobody has mended what stands in the way.
func TestBlockedRollbackIsTerminated(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	failures["the database rejects the activation"].arrange(i, operation{})
	i.execute(`CREATE TRIGGER keep BEFORE DELETE ON tenant_schema_versions FOR EACH ROW EXECUTE FUNCTION refuse()`)
	i.start()
	o := i.reaches(i.create("Charité").ID, "ROLLBACK_BLOCKED")
	first := i.terminate(o)
	i.reconciles()
	c := i.temporal()
	eventually(t, "another run is blocked", func() bool { // its own failure is what it shows beside the state
		var asked struct{ State, FailedStep string }
		answer, err := c.QueryWorkflow(t.Context(), workflowID(o), "", "status")
		return err == nil && answer.Get(&asked) == nil && asked.State == "ROLLBACK_BLOCKED" && asked.FailedStep != ""
	})
	require.NotEqual(t, first, value[string](i, `SELECT run_id FROM operations WHERE id = $1`, o.ID))
	require.ElementsMatch(t, []client.Action{client.ActionRetry, client.ActionSkip}, i.operation(o.ID).AllowedActions)

	i.terminateHeld(o)
	i.execute(`DROP TRIGGER keep ON tenant_schema_versions`)
	i.ages(o) // not before: a scheduled round might find it
	i.reconciles()
	o, _ = i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	require.Equal(t, 2, value[int](i, `SELECT takeovers FROM operations WHERE id = $1`, o.ID))
	i.ages(o)
	require.Empty(t, i.reconciles(), "it fits together again")
}

// TestScheduleReconciles without anybody who asks: the schedule that setup has
// made starts the round.
func TestScheduleReconciles(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	o := i.parksBeforeThePivot()
	i.rpc.heal()
	i.terminate(o)
	schedule := i.temporal().ScheduleClient().GetHandle(t.Context(), "tenant-reconcile")
	var is *sdk.ScheduleDescription
	require.NoError(t, i.asksTemporal(func() (err error) {
		is, err = schedule.Describe(t.Context())
		return err
	}))
	require.False(t, is.Schedule.State.Paused)
	require.Len(t, is.Schedule.Spec.Intervals, 1)
	require.LessOrEqual(t, is.Schedule.Spec.Intervals[0].Every.Minutes(), 5.0)
	// After a round that is just due, which may have begun before the run ended.
	require.NoError(t, i.asksTemporal(func() error {
		return schedule.Trigger(t.Context(), sdk.ScheduleTriggerOptions{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE})
	}))
	i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	eventually(t, "the repair is audited", func() bool {
		return value[int](i, `SELECT count(*) FROM audit_log WHERE action = 'finding-repaired' AND actor = 'reconciler'`) == 1
	})
	require.Zero(t, value[int](i, `SELECT count(*) FROM audit_log WHERE action = 'reconcile'`), "nobody has asked")
}
