package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

const contractID = "CADDRESS"

// attempts are the outcomes in the log of one step, oldest first.
func (b testBundle) attempts(t *testing.T, f tenant.Fence, step tenant.Step) []tenant.StepStatus {
	t.Helper()
	logs, err := b.operations.Logs(b.ctx, f.Operation)
	require.NoError(t, err)
	var outcomes []tenant.StepStatus
	for _, l := range logs {
		if l.Step == step {
			outcomes = append(outcomes, l.Status)
			require.Equal(t, len(outcomes), l.Attempt)
			require.Equal(t, l.Status != tenant.StepInProgress, l.Duration > 0, "%s has a duration", l.Status)
		}
	}
	return outcomes
}

func (b testBundle) beginContract(t *testing.T, f tenant.Fence) tenant.AttemptID {
	t.Helper()
	id, stored, err := b.contracts.BeginDeployment(b.ctx, f)
	require.NoError(t, err)
	require.Empty(t, stored)
	return id
}

func lost(step tenant.Step, id tenant.AttemptID) tenant.Failure {
	return tenant.Failure{Attempt: id, Step: step, Reason: "the attempt was cut short", Lost: true, Duration: time.Second}
}

// TestALateAttemptFailsByItself: one of a worker that had stopped, while another
// one is under way.
func TestALateAttemptFailsByItself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Late clinic")
	late, running := b.beginContract(t, f), b.beginContract(t, f)
	require.NoError(t, b.incidents.RecordFailure(b.ctx, f, lost(tenant.StepDeployContract, late)))
	require.Equal(t, []tenant.StepStatus{tenant.StepFailed, tenant.StepInProgress}, b.attempts(t, f, tenant.StepDeployContract))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM provisioning_logs WHERE error = 'the attempt was cut short'`))

	require.NoError(t, b.contracts.CompleteDeployment(b.ctx, f, running, contractID))
	require.NoError(t, b.incidents.RecordFailure(b.ctx, f, lost(tenant.StepDeployContract, late)))
	require.Equal(t, []tenant.StepStatus{tenant.StepFailed, tenant.StepCompleted}, b.attempts(t, f, tenant.StepDeployContract))
}

// TestALateAttemptSucceeds: the step is done once, whichever of the two comes
// first.
func TestALateAttemptSucceeds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, lateFirst := range map[string]bool{"the late one is first": true, "the other one is first": false} {
		f := b.claim(t, name)
		first, second := b.beginContract(t, f), b.beginContract(t, f)
		outcomes := []tenant.StepStatus{tenant.StepCompleted, tenant.StepFailed}
		if !lateFirst {
			first, second = second, first
			outcomes = []tenant.StepStatus{tenant.StepFailed, tenant.StepCompleted}
		}
		require.NoError(t, b.contracts.CompleteDeployment(b.ctx, f, first, contractID))
		done, err := b.tenants.Find(b.ctx, f.Tenant)
		require.NoError(t, err)
		require.Equal(t, outcomes, b.attempts(t, f, tenant.StepDeployContract), name)

		require.NoError(t, b.contracts.CompleteDeployment(b.ctx, f, second, contractID))
		require.NoError(t, b.incidents.RecordFailure(b.ctx, f, lost(tenant.StepDeployContract, first)), "its answer was lost")
		require.Equal(t, outcomes, b.attempts(t, f, tenant.StepDeployContract), name)
		require.Equal(t, []tenant.StepStatus{tenant.StepCompleted}, b.attempts(t, f, tenant.StepStoreContract), name)
		again, err := b.tenants.Find(b.ctx, f.Tenant)
		require.NoError(t, err)
		require.Equal(t, done.Version, again.Version, "nothing has changed since")
	}
}

// TestAFailureWhoseStartIsNotLogged is written all the same.
func TestAFailureWhoseStartIsNotLogged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Unlogged clinic")
	running := b.beginContract(t, f)
	for _, id := range []tenant.AttemptID{0, running + 1000} { // one was never begun, the start of the other was rolled back
		require.NoError(t, b.incidents.RecordFailure(b.ctx, f, lost(tenant.StepDeployContract, id)))
	}
	require.Equal(t, []tenant.StepStatus{tenant.StepInProgress, tenant.StepFailed, tenant.StepFailed}, b.attempts(t, f, tenant.StepDeployContract))
}

// TestALateAttemptDoesNotSayWhereTheMailIs: another one is about to send it.
func TestALateAttemptDoesNotSayWhereTheMailIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Late clinic")
	begin := func() tenant.Email {
		w, err := b.emails.Begin(b.ctx, f, tenant.StepSendWelcomeEmail, linkTo)
		require.NoError(t, err)
		return w
	}
	late, running := begin(), begin()
	require.NoError(t, b.emails.Leave(b.ctx, late, tenant.EmailPending))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM emails WHERE state = 'SENDING'`), "it may have left")
	require.NoError(t, b.emails.Leave(b.ctx, running, tenant.EmailPending))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM emails WHERE state = 'PENDING'`))

	running = begin()
	require.NoError(t, b.incidents.RecordFailure(b.ctx, f, lost(tenant.StepSendWelcomeEmail, late.Attempt)))
	require.NoError(t, b.emails.Complete(b.ctx, f, running, tenant.EmailReceipt{Provider: "smtp"}))
	require.Equal(t, []tenant.StepStatus{tenant.StepFailed, tenant.StepFailed, tenant.StepCompleted}, b.attempts(t, f, tenant.StepSendWelcomeEmail))
}

// TestTheDatabaseIsToBlame in every step, for what it does not do.
func TestTheDatabaseIsToBlame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Blameless clinic")
	journal := postgres.NewStellarJournal(b.pool)
	b.mustExec(t, `ALTER DATABASE `+ident(b.pool.Config().ConnConfig.Database)+` SET default_transaction_read_only = on`)
	b.pool.Reset()
	for name, do := range map[string]func() error{
		"contract": func() error {
			_, _, err := b.contracts.BeginDeployment(b.ctx, f)
			return err
		},
		"address": func() error { return b.contracts.CompleteDeployment(b.ctx, f, 0, contractID) },
		"journal": func() error { return journal.MarkSent(b.ctx, "hash") },
		"mail": func() error {
			_, err := b.emails.Begin(b.ctx, f, tenant.StepSendWelcomeEmail, linkTo)
			return err
		},
	} {
		err := do()
		require.ErrorIs(t, err, tenant.ErrUnavailable, name)
		var failure *tenant.StepError
		require.ErrorAs(t, err, &failure, name)
		require.Equal(t, tenant.DependencyDatabase, failure.Dependency, name)
		require.Contains(t, failure.Reason, "read-only", name)
	}
}
