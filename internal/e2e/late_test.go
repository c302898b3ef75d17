package e2e

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"tenant-provisioning/client"
)

// TestLateStepChangesNothing delays a worker's statements that make a schema on
// their way to the database, until everything was rolled back.
func TestLateStepChangesNothing(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	direct := i.with(nil)
	network := i.throughGate("DB_HOST", "DB_PORT")
	late := network.catchAlone("claim_schema")
	slow := i.startWorker()
	o := i.create("Charité")
	late.await(t, "the statements are on their way", late.reached)
	slow.Signal(syscall.SIGSTOP)

	i.actUntilAccepted(o.ID, "rollback") // which waits for a worker
	direct.startWorker()
	_, tenant := direct.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)

	close(late.released)
	network.thaw()
	late.await(t, "the database has answered", late.answered)
	direct.requireNothingOf(tenant)
	slow.Signal(syscall.SIGCONT)
	again := direct.create("Bethanien") // which either worker may do
	direct.becomesActive(again)
	direct.requireNothingOf(tenant)
	require.Equal(t, client.StateRolledBack, direct.operation(o.ID).State)
}

// TestStoppedWorkerCommitsLate stops a worker whose statements the database has
// already, and lets them commit while the rollback waits.
func TestStoppedWorkerCommitsLate(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	held := i.holdRowForGood("provisioning_logs", "NEW.step = 'SEED_ROLES_AND_USER'")
	stopped := i.startWorker()
	o := i.create("Charité")
	held.await()
	stopped.Signal(syscall.SIGSTOP)
	i.actUntilAccepted(o.ID, "rollback")
	i.startWorker()
	eventually(t, "the other worker stands in line for the operation", func() bool {
		return value[bool](i, `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event <> 'advisory')`)
	})
	held.release()
	o, tenant := i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	stopped.Signal(syscall.SIGCONT)
	i.becomesActive(i.create("Bethanien"))
	i.requireNothingOf(tenant)
	require.Equal(t, client.StateRolledBack, i.operation(o.ID).State)
}

// TestALateAttemptFailsByItself: a stopped worker's attempt at the contract comes
// back while another worker's is under way, and is told that it is not awaited
// any more.
func TestALateAttemptFailsByItself(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	held := i.rpc.hold(t, sendTransaction, true)
	stopped := i.startWorker()
	o := i.create("Charité")
	held.await()
	stopped.Signal(syscall.SIGSTOP)
	attempts := func() int {
		return value[int](i, `SELECT count(*) FROM provisioning_logs WHERE step = 'DEPLOY_SOROBAN_CONTRACT'`)
	}
	begun := attempts()
	i.startWorker()
	eventually(t, "the other worker has begun one", func() bool { return attempts() > begun })
	stopped.Signal(syscall.SIGCONT)
	eventually(t, "the late attempt has written down how it ended", func() bool {
		return value[bool](i, `SELECT EXISTS (SELECT FROM provisioning_logs WHERE error LIKE 'the attempt was cut short%')`)
	})
	held.release()
	active := i.becomesActive(o)
	progress, err := i.client().GetProvisioning(t.Context(), active.ID)
	require.NoError(t, err)
	for _, step := range progress.Steps {
		require.Equal(t, client.StepStatusCompleted, step.Status, step.Step)
	}
}
