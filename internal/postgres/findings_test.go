package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// look compares once, as the reconciler does.
func (b testBundle) look(t *testing.T) []tenant.Finding {
	t.Helper()
	began, err := b.findings.Now(b.ctx)
	require.NoError(t, err)
	sweep := tenant.Sweep{Began: began, Kinds: b.comparer.Kinds()}
	for _, kind := range sweep.Kinds {
		found, all, err := b.comparer.Compare(b.ctx, kind, 0)
		require.NoError(t, err)
		require.True(t, all)
		sweep.Found = append(sweep.Found, found...)
	}
	require.NoError(t, b.findings.RecordSweep(b.ctx, sweep))
	open, err := b.findings.Open(b.ctx)
	require.NoError(t, err)
	return open
}

// provision makes a tenant's schema and ends its operation as want says.
func (b testBundle) provision(t *testing.T, name string, want tenant.State) (tenant.Fence, tenant.Tenant) {
	t.Helper()
	f := b.claim(t, name)
	require.NoError(t, b.schemas.Create(b.ctx, f))
	if want == tenant.StateSucceeded {
		b.activate(t, f)
		b.welcome(t, f)
	} else {
		b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
		b.move(t, f, tenant.StateRollingBack, tenant.StateRolledBack)
	}
	row, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	return f, row
}

// activate makes a tenant's contract and the tenant active.
func (b testBundle) activate(t *testing.T, f tenant.Fence) {
	t.Helper()
	contract := "C-" + string(f.Tenant)
	attempt, _, err := b.contracts.BeginDeployment(b.ctx, f)
	require.NoError(t, err)
	b.mustExec(t, `INSERT INTO stellar_transactions (hash, tenant_id, operation_id, generation, purpose, contract_id, state, network, channel, sequence, envelope, after_ledger, max_time, settled_at)
		VALUES (md5($1::text) || md5($1::text), $1::text::uuid, $2, $3, 'DEPLOY_CONTRACT', $4, 'APPLIED', 'n', $1::text, 1, '', 1, now(), now())`,
		string(f.Tenant), string(f.Operation), f.Generation, contract)
	require.NoError(t, b.contracts.CompleteDeployment(b.ctx, f, attempt, contract))
	require.NoError(t, b.transitions.MarkActive(b.ctx, f))
}

// welcome sends the mail, which ends the operation.
func (b testBundle) welcome(t *testing.T, f tenant.Fence) {
	t.Helper()
	w, err := b.emails.Begin(b.ctx, f, tenant.StepSendWelcomeEmail, func(row tenant.Tenant) tenant.Invitation {
		return tenant.Invitation{TokenHash: []byte(row.ID), TTL: time.Hour}
	})
	require.NoError(t, err)
	require.NoError(t, b.emails.Complete(b.ctx, f, w, tenant.EmailReceipt{Provider: "smtp", ProviderID: w.ID}))
}

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

func (b testBundle) mustExec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.pool.Exec(b.ctx, sql, args...)
	require.NoError(t, err)
}

func TestNothingIsFoundWhereAllIsWell(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.provision(t, "Well", tenant.StateSucceeded)
	b.claim(t, "Under way")
	b.accept(t, "Waiting")
	require.Empty(t, b.look(t))
}

// TestWhatAPersonWithPsqlLeaves: each is found once, and gone when it is put
// right.
func TestWhatAPersonWithPsqlLeaves(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, active := b.provision(t, "Active", tenant.StateSucceeded)

	b.mustExec(t, `ALTER SCHEMA `+ident(active.Schema)+` RENAME TO mine`)
	b.mustExec(t, `CREATE SCHEMA t_left_behind_0123abcd`)
	kinds := map[tenant.FindingKind]string{}
	open := b.look(t)
	for _, f := range open {
		require.False(t, f.Safe)
		require.False(t, f.Kind.Repairable())
		kinds[f.Kind] = f.Subject
	}
	require.Equal(t, map[tenant.FindingKind]string{
		tenant.FindingActiveWithoutSchema: active.Schema,
		tenant.FindingSchemaWithoutTenant: "t_left_behind_0123abcd",
	}, kinds)
	require.Equal(t, open[0].ID, b.look(t)[0].ID, "it is the same finding")

	b.mustExec(t, `ALTER SCHEMA mine RENAME TO `+ident(active.Schema))
	b.mustExec(t, `DROP SCHEMA t_left_behind_0123abcd`)
	require.Empty(t, b.look(t))
	gone, err := b.findings.Find(b.ctx, open[0].ID)
	require.NoError(t, err)
	require.Equal(t, tenant.FindingGone, gone.State)
}

// TestADismissedFindingIsNotFoundAnew, for as long as it is true.
func TestADismissedFindingIsNotFoundAnew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mustExec(t, `CREATE SCHEMA t_0123abcd`)
	f := b.look(t)[0]
	closed, err := b.findings.Resolve(b.ctx, f, tenant.FindingDismissed, tenant.Caller{Actor: "ada@desk"}, "ours")
	require.NoError(t, err)
	require.True(t, closed)
	require.Empty(t, b.look(t))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM findings`))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM audit_log WHERE action = 'finding-dismissed' AND actor = 'ada@desk' AND NOT actor_claimed AND reason = 'ours'`))

	b.mustExec(t, `DROP SCHEMA t_0123abcd`)
	require.Empty(t, b.look(t))
	b.mustExec(t, `CREATE SCHEMA t_0123abcd`)
	require.Len(t, b.look(t), 1, "it came back")
}

// TestWhatARollbackLeft: the schema is dropped on request only; the role alone
// holds nothing.
func TestWhatARollbackLeft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f, failed := b.provision(t, "Failed", tenant.StateRolledBack)
	open := b.look(t)
	require.Len(t, open, 1)
	require.Equal(t, tenant.FindingFailedWithSchema, open[0].Kind)
	require.False(t, open[0].Safe)

	dropped, err := b.repairs.DropLeftoverRole(b.ctx, failed.Role)
	require.NoError(t, err)
	require.False(t, dropped, "its schema is there")

	b.mustExec(t, `DROP SCHEMA `+ident(failed.Schema)+` CASCADE`)
	open = b.look(t)
	require.Len(t, open, 1)
	require.Equal(t, tenant.FindingFailedWithRole, open[0].Kind)
	require.True(t, open[0].Safe)
	b.mustExec(t, `CREATE TABLE public.theirs (n integer)`)
	b.mustExec(t, `GRANT SELECT ON public.theirs TO `+ident(failed.Role))
	require.False(t, b.look(t)[0].Safe, "something depends on it")
	_, err = b.repairs.DropLeftoverRole(b.ctx, failed.Role)
	require.ErrorContains(t, err, "depends on the role")
	b.mustExec(t, `DROP TABLE public.theirs`)
	dropped, err = b.repairs.DropLeftoverRole(b.ctx, failed.Role)
	require.NoError(t, err)
	require.True(t, dropped)
	require.Empty(t, b.look(t))

	f.State = tenant.StateRolledBack
	require.NoError(t, b.schemas.Drop(b.ctx, f), "an undo on request passes the fence, and tolerates that nothing is left")
}

// TestTheRolesOfOthersAreNotTouched: roles belong to the whole server.
func TestTheRolesOfOthersAreNotTouched(t *testing.T) {
	t.Parallel()
	b, other := setup(t), setup(t)
	_, theirs := other.provision(t, "Theirs", tenant.StateRolledBack)
	other.mustExec(t, `DROP SCHEMA `+ident(theirs.Schema)+` CASCADE`)
	_, used := b.provision(t, "Used", tenant.StateSucceeded)
	require.Empty(t, b.look(t))
	for _, role := range []string{theirs.Role, used.Role, used.AppLogin, "postgres", "there is none"} {
		dropped, err := b.repairs.DropLeftoverRole(b.ctx, role)
		require.NoError(t, err)
		require.False(t, dropped, role)
	}
}

func TestAMarkedRoleWithoutTenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, err := tenant.NewID()
	require.NoError(t, err)
	role := "t_" + strings.ReplaceAll(string(id), "-", "")[24:]
	b.mustExec(t, `SELECT ensure_role($1, $2, 'NOLOGIN')`, role, string(id))
	open := b.look(t)
	require.Len(t, open, 1)
	require.Equal(t, tenant.FindingRoleWithoutTenant, open[0].Kind)
	require.False(t, open[0].Safe, "a copy of this database may be where it is used")
	dropped, err := b.repairs.DropLeftoverRole(b.ctx, role)
	require.NoError(t, err)
	require.True(t, dropped)
}

func TestLostAttemptsAndDoubtfulMails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f, _ := b.provision(t, "Given up", tenant.StateSucceeded)
	b.mustExec(t, `INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt) VALUES ($1, $2, 'SEND_WELCOME_EMAIL', 'IN_PROGRESS', 9)`,
		string(f.Tenant), string(f.Operation))
	b.mustExec(t, `UPDATE emails SET state = 'SENDING', sent_at = NULL`)
	b.mustExec(t, `UPDATE provisioning_logs SET status = 'SKIPPED' WHERE step = 'SEND_WELCOME_EMAIL' AND status = 'COMPLETED'`)
	open := b.look(t)
	require.Len(t, open, 2)
	for _, finding := range open {
		require.True(t, finding.Safe)
		repair := b.repairs.DoubtEmail
		if finding.Kind == tenant.FindingLostAttempt {
			repair = b.repairs.CloseLostAttempt
		}
		for _, want := range []bool{true, false} {
			done, err := repair(b.ctx, finding.Subject)
			require.NoError(t, err)
			require.Equal(t, want, done)
		}
	}
	require.Empty(t, b.look(t))
}

// TestReleaseRun: an operation is taken over with its state, once, and the run
// of before is fenced out.
func TestReleaseRun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Terminated")
	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
	for _, c := range []struct {
		run  string
		want bool
	}{{"another run", false}, {f.Run, true}, {f.Run, false}} {
		released, err := b.transitions.Release(b.ctx, f.Operation, c.run, true)
		require.NoError(t, err)
		require.Equal(t, c.want, released)
	}
	require.ErrorIs(t, b.schemas.Drop(b.ctx, undoing(f)), tenant.ErrSuperseded)

	next := f
	next.Run = "the next run"
	for range 2 { // an answer may be lost
		claim, err := b.transitions.Claim(b.ctx, next)
		require.NoError(t, err)
		require.Equal(t, tenant.Claim{
			Claimed: true, State: tenant.StateRollingBack, TakenOver: true, Undos: []string{tenant.UndoSchema}, FailedStep: tenant.StepCreateSchema, Reason: "test",
		}, claim)
	}
	claim, err := b.transitions.Claim(b.ctx, f)
	require.NoError(t, err)
	require.False(t, claim.Claimed)

	b.move(t, next, tenant.StateRollingBack, tenant.StateRolledBack)
	released, err := b.transitions.Release(b.ctx, f.Operation, next.Run, true)
	require.NoError(t, err)
	require.False(t, released, "it is closed")
	started, err := b.comparer.StartedOperations(b.ctx, 0, "", 10)
	require.NoError(t, err)
	require.Empty(t, started)
}

// TestASkippedUndoLeavesAFinding: the one that the reconciler would make.
func TestASkippedUndoLeavesAFinding(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Skipped")
	require.NoError(t, b.schemas.Create(b.ctx, f))
	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
	b.move(t, f, tenant.StateRollingBack, tenant.StateRollbackBlocked)
	_, err := b.transitions.Move(b.ctx, tenant.Move{
		Fence: f, Event: tenant.EventSkip, From: tenant.StateRollbackBlocked, To: tenant.StateRollingBack, Step: tenant.StepCreateSchema, Reason: "stuck",
	})
	require.NoError(t, err)
	first := b.look(t)
	require.Len(t, first, 1, "it is not gone because the rollback is under way")
	require.Equal(t, tenant.FindingFailedWithSchema, first[0].Kind)
	b.move(t, f, tenant.StateRollingBack, tenant.StateRolledBack)
	require.Equal(t, first[0].ID, b.look(t)[0].ID)
	f.State = tenant.StateRolledBack
	require.NoError(t, b.schemas.Drop(b.ctx, f))
	require.Empty(t, b.look(t))
}

func TestContractsToCheck(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{"One", "Two", "Three"} {
		f, _ := b.provision(t, name, tenant.StateSucceeded)
		b.mustExec(t, `UPDATE tenants SET contract_id = 'C' || name WHERE id = $1`, string(f.Tenant))
	}
	seen := map[string]bool{}
	for round := range int64(2) {
		checks, err := b.comparer.ContractsToCheck(b.ctx, round, 2)
		require.NoError(t, err)
		for _, c := range checks {
			require.NotEqual(t, tenant.StatusFailed, c.Status)
			seen[c.Contract] = true
		}
	}
	require.Equal(t, map[string]bool{"COne": true, "CTwo": true, "CThree": true}, seen)
}

func TestNeverStarted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.accept(t, "Waits")
	b.mustExec(t, `UPDATE operations SET created_at = now() - $2::interval WHERE id = $1`, string(a.Operation.ID), time.Hour)
	open := b.look(t)
	require.Len(t, open, 1)
	require.Equal(t, tenant.FindingNeverStarted, open[0].Kind)
	require.Equal(t, a.Operation.ID, open[0].Operation)
	_, err := b.transitions.Claim(b.ctx, fence(a))
	require.NoError(t, err)
	require.Empty(t, b.look(t))
}

// TestWhatNoRunHasTaken is not among what may have lost its run, however much
// of it waits.
func TestWhatNoRunHasTaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Under way")
	b.accept(t, "Waits")
	started, err := b.comparer.StartedOperations(b.ctx, 0, "", 10)
	require.NoError(t, err)
	require.Len(t, started, 1)
	require.Equal(t, f.Operation, started[0].ID)
}
