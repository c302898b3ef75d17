package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// submit records an operation of a tenant that is there, and gives it to a run.
func (b testBundle) submit(t *testing.T, kind tenant.Kind, id tenant.ID) tenant.Fence {
	t.Helper()
	sub := submission(t, kind, id)
	sub.Admin = true
	o, err := b.operations.Submit(b.ctx, sub)
	require.NoError(t, err)
	o.RunID, o.State = "run of "+string(o.ID), tenant.StateRunning
	c, err := b.transitions.Claim(b.ctx, o.Fence())
	require.NoError(t, err)
	require.True(t, c.Claimed)
	return o.Fence()
}

// notify sends the mail of a step, which ends the operation.
func (b testBundle) notify(t *testing.T, f tenant.Fence, step tenant.Step) {
	t.Helper()
	w, err := b.emails.Begin(b.ctx, f, step, nil)
	require.NoError(t, err)
	require.NoError(t, b.emails.Complete(b.ctx, f, w, tenant.EmailReceipt{Provider: "smtp", ProviderID: w.ID}))
}

func (b testBundle) contractStatus(t *testing.T, f tenant.Fence, step tenant.Step) {
	t.Helper()
	attempt, _, done, err := b.contracts.BeginStatus(b.ctx, f, step)
	require.NoError(t, err)
	require.False(t, done)
	require.NoError(t, b.contracts.CompleteStatus(b.ctx, f, step, attempt))
}

// suspend does a whole suspension but for the ledger.
func (b testBundle) suspend(t *testing.T, id tenant.ID) tenant.Fence {
	t.Helper()
	f := b.submit(t, tenant.KindSuspend, id)
	require.NoError(t, b.access.RevokeAccess(b.ctx, f))
	b.contractStatus(t, f, tenant.StepSuspendContract)
	require.NoError(t, b.access.MarkSuspended(b.ctx, f))
	b.notify(t, f, tenant.StepSendSuspendedEmail)
	return f
}

// TestAccessEndsForConnectionsThatAreOpen, at their next statement, and comes back
// as it was.
func TestAccessEndsForConnectionsThatAreOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, row := b.provision(t, "Charité", tenant.StateSucceeded)
	conn, err := b.superuser(t).Acquire(b.ctx)
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(b.ctx, `SET ROLE `+ident(row.Role))
	require.NoError(t, err)
	reads := func() error {
		var n int
		return conn.QueryRow(b.ctx, `SELECT count(*) FROM `+ident(row.Schema)+`.users`).Scan(&n)
	}
	require.NoError(t, reads())
	before := b.rolesAndMembers(t)

	f := b.submit(t, tenant.KindSuspend, row.ID)
	require.NoError(t, b.access.RevokeAccess(b.ctx, f))
	require.ErrorContains(t, reads(), "permission denied for schema")
	require.NoError(t, b.access.RevokeAccess(b.ctx, f), "twice is once")
	require.Equal(t, before, b.rolesAndMembers(t), "no membership is touched: that is dear")

	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
	require.NoError(t, b.access.RestoreAccess(b.ctx, undoing(f)))
	require.NoError(t, reads())
	b.move(t, undoing(f), tenant.StateRollingBack, tenant.StateRolledBack)

	b.suspend(t, row.ID)
	require.ErrorContains(t, reads(), "permission denied for schema")
	require.ErrorIs(t, b.access.RevokeAccess(b.ctx, f), tenant.ErrSuperseded)
	f = b.submit(t, tenant.KindResume, row.ID)
	require.ErrorContains(t, reads(), "permission denied for schema")
	b.contractStatus(t, f, tenant.StepResumeContract)
	require.NoError(t, b.transitions.GiveBack(b.ctx, f))
	require.NoError(t, b.transitions.GiveBack(b.ctx, f), "twice is once")
	require.NoError(t, reads())
	b.notify(t, f, tenant.StepSendResumedEmail)
	require.Empty(t, b.look(t))
}

// uses has the application at work in a tenant's schema.
func (b testBundle) uses(t *testing.T, tn tenant.Tenant) {
	t.Helper()
	_, err := b.superuser(t).Exec(b.ctx, `ALTER ROLE `+ident(tn.AppLogin)+` PASSWORD 'a test''s'`)
	require.NoError(t, err)
	c := b.pool.Config().ConnConfig.Copy()
	c.User, c.Password = tn.AppLogin, "a test's"
	conn, err := pgx.ConnectConfig(b.ctx, c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(b.ctx)) }) // it may have been ended
	for _, sql := range []string{`SET ROLE ` + ident(tn.Role), `BEGIN`, `SELECT FROM ` + ident(tn.Schema) + `.users`} {
		_, err := conn.Exec(b.ctx, sql)
		require.NoError(t, err, sql)
	}
}

// TestAStatementUnderWayIsEnded where DB_USERNAME may do that, and named otherwise.
// A backup is left alone.
func TestAStatementUnderWayIsEnded(t *testing.T) {
	t.Parallel()
	for may, findings := range map[bool]int{true: 0, false: 1} {
		b := setup(t)
		_, row := b.provision(t, "Charité", tenant.StateSucceeded)
		if may {
			_, err := b.superuser(t).Exec(b.ctx, `GRANT `+ident(row.AppLogin)+` TO `+ident(b.pool.Config().ConnConfig.User))
			require.NoError(t, err)
		}
		b.uses(t, row)
		b.hold(t, `LOCK TABLE `+ident(row.Schema)+`.roles IN ACCESS SHARE MODE`)
		f := b.submit(t, tenant.KindSuspend, row.ID)
		require.NoError(t, b.access.RevokeAccess(b.ctx, f))
		open, err := b.findings.Open(b.ctx)
		require.NoError(t, err)
		require.Len(t, open, findings)
		for _, found := range open {
			require.Equal(t, tenant.FindingAccessInUse, found.Kind)
		}
		b.eventually(t, "the session has ended", func() bool {
			return b.count(t, `SELECT count(*) FROM pg_stat_activity WHERE usename = $1`, row.AppLogin) == findings
		})
	}
}

// TestAnArchiveAndBack: what was suspended is suspended again, with its access off
// all the while.
func TestAnArchiveAndBack(t *testing.T) {
	t.Parallel()
	for _, from := range []tenant.Status{tenant.StatusActive, tenant.StatusSuspended} {
		t.Run(string(from), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			_, row := b.provision(t, "Charité", tenant.StateSucceeded)
			if from == tenant.StatusSuspended {
				b.suspend(t, row.ID)
			}
			f := b.submit(t, tenant.KindArchive, row.ID)
			if from == tenant.StatusActive {
				require.NoError(t, b.access.RevokeAccess(b.ctx, f))
				b.contractStatus(t, f, tenant.StepSuspendContract)
			}
			const grace = 30 * 24 * time.Hour
			require.NoError(t, b.access.MarkArchived(b.ctx, f, grace))
			require.NoError(t, b.access.MarkArchived(b.ctx, f, 2*grace), "twice is once")
			b.notify(t, f, tenant.StepSendArchivedEmail)
			archived, err := b.tenants.Find(b.ctx, row.ID)
			require.NoError(t, err)
			require.Equal(t, tenant.StatusArchived, archived.Status)
			require.Equal(t, from, archived.ArchivedFrom)
			require.WithinDuration(t, time.Now().Add(grace), archived.PurgeAfter, time.Hour)
			require.Empty(t, b.look(t))

			b.accept(t, "charité") // the name is free
			sub := submission(t, tenant.KindUndelete, row.ID)
			_, err = b.operations.Submit(b.ctx, sub)
			require.ErrorIs(t, err, tenant.ErrNameTaken)
			b.mustExec(t, `UPDATE tenants SET name_held = false WHERE id <> $1`, string(row.ID))

			f = b.submit(t, tenant.KindUndelete, row.ID)
			_, err = b.operations.Submit(b.ctx, acceptance(t, "CHARITÉ"))
			require.ErrorIs(t, err, tenant.ErrNameTaken, "the name is held from the acceptance on")
			if from == tenant.StatusActive {
				b.contractStatus(t, f, tenant.StepResumeContract)
				require.NoError(t, b.transitions.GiveBack(b.ctx, f))
			} else {
				require.NoError(t, b.access.MarkSuspended(b.ctx, f))
			}
			o, err := b.operations.Find(b.ctx, f.Operation)
			require.NoError(t, err)
			require.True(t, o.PivotPassed, "whichever of its two pivots it has")
			require.Zero(t, b.count(t, `SELECT count(*) FROM operations WHERE id = $1 AND allowed_actions <> '{}'`, string(f.Operation)), "nothing is undone any more")
			b.notify(t, f, tenant.StepSendUndeletedEmail)
			back, err := b.tenants.Find(b.ctx, row.ID)
			require.NoError(t, err)
			require.Equal(t, from, back.Status)
			require.Zero(t, back.PurgeAfter)
			require.Empty(t, back.ArchivedFrom)
		})
	}
}

// TestUndeleteIsRefusedWhenItsTimeIsOver, to the second.
func TestUndeleteIsRefusedWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, row := b.provision(t, "Charité", tenant.StateSucceeded)
	f := b.submit(t, tenant.KindArchive, row.ID)
	require.NoError(t, b.access.RevokeAccess(b.ctx, f))
	b.contractStatus(t, f, tenant.StepSuspendContract)
	require.NoError(t, b.access.MarkArchived(b.ctx, f, time.Hour))
	b.notify(t, f, tenant.StepSendArchivedEmail)
	sub := submission(t, tenant.KindUndelete, row.ID)
	b.mustExec(t, `UPDATE tenants SET purge_after = now() WHERE id = $1`, string(row.ID))
	_, err := b.operations.Submit(b.ctx, sub)
	var refused *tenant.StatusRefusedError
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, "is over")

	b.mustExec(t, `UPDATE tenants SET purge_after = now() + interval '1 hour' WHERE id = $1`, string(row.ID))
	o, err := b.operations.Submit(b.ctx, sub)
	require.NoError(t, err)
	done, err := b.operations.RollBackPending(b.ctx, o, "a test", tenant.AuditEntry{Actor: "ada", Action: "rollback", Outcome: tenant.OutcomeAccepted, Tenant: row.ID, Operation: o.ID})
	require.NoError(t, err)
	require.True(t, done)
	after, err := b.tenants.Find(b.ctx, row.ID)
	require.NoError(t, err)
	require.Equal(t, tenant.StatusArchived, after.Status)
	b.accept(t, "charité") // the name is free again
}

// TestAMailThatWaitsGivesWay: an operation with nothing left but its mail ends when
// another is accepted, and what it has done stays.
func TestAMailThatWaitsGivesWay(t *testing.T) {
	t.Parallel()
	for _, parked := range []bool{false, true} {
		b := setup(t)
		before := b.claim(t, "Charité")
		require.NoError(t, b.schemas.Create(b.ctx, before))
		sub := submission(t, tenant.KindSuspend, before.Tenant)
		_, err := b.operations.Submit(b.ctx, sub)
		require.ErrorContains(t, err, "the tenant is PROVISIONING")
		b.activate(t, before)
		if parked {
			b.move(t, before, tenant.StateRunning, tenant.StateNeedsAttention)
		}
		o, err := b.operations.Submit(b.ctx, sub)
		require.NoError(t, err)
		require.Equal(t, tenant.KindProvision, o.Supersedes)
		ended, err := b.operations.Find(b.ctx, before.Operation)
		require.NoError(t, err)
		require.Equal(t, tenant.StateSucceeded, ended.State)
		require.Equal(t, 1, b.count(t, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND step = 'SEND_WELCOME_EMAIL' AND status = 'SKIPPED'`, string(before.Operation)))
		require.Equal(t, 1, b.count(t, `SELECT count(*) FROM audit_log WHERE operation_id = $1 AND action = 'skip' AND outcome = 'accepted'`, string(before.Operation)))
		_, err = b.emails.Begin(b.ctx, before, tenant.StepSendWelcomeEmail, linkTo)
		require.ErrorIs(t, err, tenant.ErrSuperseded)

		sub = submission(t, tenant.KindArchive, before.Tenant)
		_, err = b.operations.Submit(b.ctx, sub)
		require.ErrorIs(t, err, tenant.ErrOperationOpen, "a suspension gives way to nothing")
	}
}

// TestARunThatWasNotEnded by the operation to which its own gave way, since that was
// never begun, is ended by the one after.
func TestARunThatWasNotEnded(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]func(testBundle, tenant.Operation){
		"rolled back": func(b testBundle, o tenant.Operation) {
			done, err := b.operations.RollBackPending(b.ctx, o, "a test", tenant.AuditEntry{Actor: "ada", Action: "rollback", Outcome: tenant.OutcomeAccepted, Tenant: o.TenantID, Operation: o.ID})
			require.NoError(t, err)
			require.True(t, done)
		},
		"gives way itself": func(testBundle, tenant.Operation) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			before := b.claim(t, "Charité")
			require.NoError(t, b.schemas.Create(b.ctx, before))
			b.activate(t, before)
			submit := func(kind tenant.Kind) tenant.Operation {
				sub := submission(t, kind, before.Tenant)
				sub.Admin = true
				o, err := b.operations.Submit(b.ctx, sub)
				require.NoError(t, err)
				return o
			}
			first := submit(tenant.KindInvite) // it yields
			require.Equal(t, tenant.KindProvision, first.Supersedes)
			ends(b, first)
			second := submit(tenant.KindSuspend)
			require.Equal(t, tenant.KindProvision, second.Supersedes)
			second.RunID, second.State = "run", tenant.StateRunning
			_, err := b.transitions.Claim(b.ctx, second.Fence())
			require.NoError(t, err)
			b.move(t, second.Fence(), tenant.StateRunning, tenant.StateRollingBack)
			b.move(t, undoing(second.Fence()), tenant.StateRollingBack, tenant.StateRolledBack)
			require.Empty(t, submit(tenant.KindArchive).Supersedes, "its start has ended the run")
		})
	}
}

// TestWhatEndsAccessIsTakenFirst, past an incident, the bound and thousands of the same
// client's that wait.
func TestWhatEndsAccessIsTakenFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, row := b.provision(t, "Charité", tenant.StateSucceeded)
	b.mustExec(t, `
		WITH made AS (
			INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
			SELECT gen_random_uuid(), 'n' || n, 'n' || n, '', 't' || n, 't' || n, app_login, 'PENDING', admin_email, admin_first_name, admin_last_name, tier, region
			FROM tenants, generate_series(1, 5000) n WHERE id = $1 RETURNING id)
		INSERT INTO operations (id, tenant_id, kind, state, generation, client, retry_budget, attention_period)
		SELECT gen_random_uuid(), id, 'provision', 'PENDING', 1, 'test', '1m', '1h' FROM made`, string(row.ID))
	sub := submission(t, tenant.KindSuspend, row.ID)
	o, err := b.operations.Submit(b.ctx, sub)
	require.NoError(t, err)
	b.mustExec(t, `INSERT INTO incidents (dependency, cause, affected) VALUES ('mail', 'a test', 1)`)
	taken, err := b.queue.Take(b.ctx, 16, tenant.Bounds{Running: 1}, time.Minute)
	require.NoError(t, err)
	require.Len(t, taken, 1)
	require.Equal(t, o.ID, taken[0].ID)
}
