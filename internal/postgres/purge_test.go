package postgres_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// archivedFor archives a tenant whose grace period ends after a while.
func (b testBundle) archivedFor(t *testing.T, name string, grace time.Duration) tenant.Tenant {
	t.Helper()
	row := b.archived(t, name, tenant.StatusActive)
	b.mustExec(t, `UPDATE tenants SET purge_after = now() + $2::interval WHERE id = $1`, string(row.ID), grace)
	row, err := b.tenants.Find(b.ctx, row.ID)
	require.NoError(t, err)
	return row
}

// purge does a whole purge but for the ledger, each step twice, and the mail once.
func (b testBundle) purge(t *testing.T, f tenant.Fence, mail bool) {
	t.Helper()
	b.contractStatus(t, f, tenant.StepTerminateContract)
	for range 2 {
		require.NoError(t, b.schemas.Remove(b.ctx, f))
	}
	if mail {
		b.notify(t, f, tenant.StepSendDeletedEmail)
	}
	purges := postgres.NewPurges(b.pool)
	for range 2 {
		require.NoError(t, purges.EraseAdministrator(b.ctx, f))
	}
	require.NoError(t, purges.MarkDeleted(b.ctx, f))
	require.ErrorIs(t, purges.MarkDeleted(b.ctx, f), tenant.ErrSuperseded, "it has ended")
}

// mentions lists the control tables of which a row has a text.
func (b testBundle) mentions(t *testing.T, text string) []string {
	t.Helper()
	rows, err := b.pool.Query(b.ctx, `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	var found []string
	for _, table := range tables {
		if b.count(t, `SELECT count(*) FROM `+ident(table)+` r WHERE to_jsonb(r)::text ILIKE '%' || $1 || '%'`, text) > 0 {
			found = append(found, table)
		}
	}
	return found
}

// TestAPurgeLeavesNothingOfThePeople: no schema, no role, no membership, no link,
// and no control table that knows who the administrator was. What it was stands in
// a certificate.
func TestAPurgeLeavesNothingOfThePeople(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row := b.archivedFor(t, "Charité", 30*24*time.Hour)
	row.Administrator.FirstName = "Wilhelmina" // no part of any hexadecimal number
	b.mustExec(t, `UPDATE tenants SET admin_first_name = $2 WHERE id = $1`, string(row.ID), row.Administrator.FirstName)
	require.Equal(t, []string{"tenants"}, b.mentions(t, row.Administrator.Email))
	f := b.submit(t, tenant.KindPurge, row.ID)
	b.purge(t, f, true)

	gone, err := b.tenants.Find(b.ctx, row.ID)
	require.NoError(t, err)
	require.Equal(t, tenant.StatusDeleted, gone.Status)
	require.Equal(t, tenant.Administrator{}, gone.Administrator)
	require.Equal(t, row.Name, gone.Name)
	require.Zero(t, gone.PurgeAfter)
	for _, erased := range []string{row.Administrator.Email, row.Administrator.FirstName, row.Administrator.LastName} {
		require.Empty(t, b.mentions(t, erased), erased)
	}
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, row.Schema))
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_roles WHERE rolname = $1`, row.Role))
	require.Zero(t, b.count(t, `SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = $1`, row.AppLogin))
	require.Zero(t, b.count(t, `SELECT count(*) FROM invitations`)+b.count(t, `SELECT count(*) FROM tenant_schema_versions`))
	require.Empty(t, b.look(t))
	b.accept(t, "charité") // the name is free

	var actor, detail string
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT actor, detail FROM audit_log WHERE action = $1 AND outcome = 'done' AND tenant_id = $2 AND operation_id = $3`,
		tenant.ActionCertificate, string(row.ID), string(f.Operation)).Scan(&actor, &detail))
	require.Equal(t, "test", actor)
	var certificate struct {
		Name, From string
		Operation  tenant.OperationID
		Removed    map[string]any
		Done       map[tenant.Step]time.Time
		Stays      []string
	}
	require.NoError(t, json.Unmarshal([]byte(detail), &certificate))
	require.Equal(t, row.Name, certificate.Name)
	require.Equal(t, "ARCHIVED", certificate.From)
	require.Equal(t, f.Operation, certificate.Operation)
	require.Equal(t, map[string]any{
		"schema": row.Schema, "schemaWasThere": true, "tables": certificate.Removed["tables"], "role": row.Role, "memberOf": row.AppLogin,
		"administrator": "name and address", "invitations": 1.0,
	}, certificate.Removed)
	require.Greater(t, certificate.Removed["tables"], 2.0)
	require.Len(t, certificate.Done, 4, "all but the one that writes it")
	require.NotEmpty(t, certificate.Stays)
}

// TestARequestIsRepeatedAfterThePurge of its tenant: it is found by its key, and
// nothing is created. What was asked for is not known any more.
func TestARequestIsRepeatedAfterThePurge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sub := acceptance(t, "Charité")
	sub.IdempotencyKey, sub.Request = "key of the test", []byte("Ada Lovelace, ada@hospital.example")
	o, err := b.operations.Submit(b.ctx, sub)
	require.NoError(t, err)
	b.mustExec(t, `UPDATE operations SET state = 'ROLLED_BACK', finished_at = now()`)
	b.mustExec(t, `UPDATE tenants SET status = 'FAILED', name_held = false`)
	b.purge(t, b.submit(t, tenant.KindPurge, sub.New.ID), false)
	require.Zero(t, b.count(t, `SELECT count(*) FROM idempotency_keys WHERE request_hash IS NOT NULL`))
	again := acceptance(t, "Charité")
	again.IdempotencyKey, again.Request = sub.IdempotencyKey, sub.Request
	repeated, err := b.operations.Submit(b.ctx, again)
	require.NoError(t, err)
	require.Equal(t, o.ID, repeated.ID)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM tenants`))
}

// TestTheCertificateSaysWhatStays: a role that is not this installation's, and a
// contract whose end was given up.
func TestTheCertificateSaysWhatStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row := b.archivedFor(t, "Charité", 0)
	_, err := b.superuser(t).Exec(b.ctx, `COMMENT ON ROLE `+ident(row.Role)+` IS NULL`)
	require.NoError(t, err)
	f := b.submit(t, tenant.KindPurge, row.ID)
	b.mustExec(t, `INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt) VALUES ($1, $2, 'TERMINATE_CONTRACT', 'SKIPPED', 1)`, string(row.ID), string(f.Operation))
	b.purge(t, f, true)
	var removed, skipped, stays string
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT detail::jsonb ->> 'removed', detail::jsonb ->> 'skipped', detail::jsonb ->> 'stays' FROM audit_log WHERE action = $1`,
		tenant.ActionCertificate).Scan(&removed, &skipped, &stays))
	require.Contains(t, removed, `"roleThatStays": "`+row.Role+`"`)
	require.NotContains(t, removed, `"role"`)
	require.Contains(t, skipped, "TERMINATE_CONTRACT")
	require.Contains(t, stays, "whose end was given up")
	require.NotContains(t, stays, "terminated")
}

// TestAPurgeBeforeItsTime is for administrators; what was never active, and what is
// due, is not before its time.
func TestAPurgeBeforeItsTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sub := submission(t, tenant.KindPurge, b.archivedFor(t, "Charité", time.Hour).ID)
	_, err := b.operations.Submit(b.ctx, sub)
	var forbidden *tenant.ForbiddenError
	require.ErrorAs(t, err, &forbidden)
	require.Zero(t, b.count(t, `SELECT count(*) FROM operations WHERE kind = 'purge'`))
	sub.Admin = true
	_, err = b.operations.Submit(b.ctx, sub)
	require.NoError(t, err)
}

// TestAPurgeThatWaits, for a person or a mail provider, is missing nothing.
func TestAPurgeThatWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.submit(t, tenant.KindPurge, b.archivedFor(t, "Charité", time.Hour).ID)
	b.contractStatus(t, f, tenant.StepTerminateContract)
	require.Empty(t, b.look(t))
	require.NoError(t, b.schemas.Remove(b.ctx, f))
	require.Empty(t, b.look(t))
	_, err := b.transitions.Move(b.ctx, tenant.Move{
		Fence: f, From: tenant.StateRunning, To: tenant.StateNeedsAttention, Event: tenant.EventStepFailedForGood, Step: tenant.StepSendDeletedEmail,
	})
	require.NoError(t, err)
	require.Empty(t, b.look(t))
}

// TestAPurgeOfWhatWasNeverActive drops what a rollback has left, without a mail.
func TestAPurgeOfWhatWasNeverActive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Charité")
	require.NoError(t, b.schemas.Create(b.ctx, f))
	b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
	b.move(t, undoing(f), tenant.StateRollingBack, tenant.StateRolledBack) // the undo was skipped
	require.NotEmpty(t, b.look(t))
	b.purge(t, b.submit(t, tenant.KindPurge, f.Tenant), false)
	gone, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	require.Equal(t, tenant.StatusDeleted, gone.Status)
	require.Empty(t, b.mentions(t, "ada@hospital.example"))
	require.Empty(t, b.look(t))
}

// TestAPurgeLooksOnceMoreWhenItIsClaimed: what keeps the tenant by then closes the
// operation, and nothing has changed.
func TestAPurgeLooksOnceMoreWhenItIsClaimed(t *testing.T) {
	t.Parallel()
	hold := func(b testBundle, id tenant.ID) error {
		_, err := b.tenants.SetLegalHold(b.ctx, id, tenant.AuditEntry{Actor: "ada", Action: tenant.ActionSetHold, Outcome: tenant.OutcomeAccepted, Tenant: id, Reason: "case 17"})
		return err
	}
	prolong := func(b testBundle, id tenant.ID) error {
		_, err := b.pool.Exec(b.ctx, `UPDATE tenants SET purge_after = now() + interval '1 day' WHERE id = $1`, string(id))
		return err
	}
	for what, c := range map[string]struct {
		onlyDue bool
		change  func(testBundle, tenant.ID) error
		claimed bool
	}{
		"a hold, and it is due":         {true, hold, false},
		"a hold, and somebody asked":    {false, hold, false},
		"prolonged, and it is due":      {true, prolong, false},
		"prolonged, and somebody asked": {false, prolong, true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			row := b.archivedFor(t, "Charité", 0)
			sub := submission(t, tenant.KindPurge, row.ID)
			sub.Admin, sub.OnlyDue = !c.onlyDue, c.onlyDue
			o, err := b.operations.Submit(b.ctx, sub)
			require.NoError(t, err)
			require.NoError(t, c.change(b, row.ID))
			o.RunID, o.State = "r", tenant.StateRunning
			claim, err := b.transitions.Claim(b.ctx, o.Fence())
			require.NoError(t, err)
			require.Equal(t, c.claimed, claim.Claimed)
			require.Equal(t, c.claimed, claim.PivotPassed)
			now, err := b.operations.Find(b.ctx, o.ID)
			require.NoError(t, err)
			after, err := b.tenants.Find(b.ctx, row.ID)
			require.NoError(t, err)
			require.Equal(t, tenant.StatusArchived, after.Status)
			require.Equal(t, row.Administrator, after.Administrator)
			if c.claimed {
				require.Equal(t, tenant.StateRunning, now.State)
				return
			}
			require.Equal(t, tenant.StateRolledBack, now.State)
			require.Contains(t, now.FailureReason, "a legal hold was set, its grace period was prolonged")
			require.Empty(t, b.look(t))
		})
	}
}

// TestAHoldAndAClaimAtOnce: one of them comes first, and the other sees it.
func TestAHoldAndAClaimAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 10 {
		row := b.archivedFor(t, b.newName(t), 0)
		sub := submission(t, tenant.KindPurge, row.ID)
		sub.Admin = true
		o, err := b.operations.Submit(b.ctx, sub)
		require.NoError(t, err)
		o.RunID, o.State = "r", tenant.StateRunning
		var claim tenant.Claim
		var held error
		var g errgroup.Group
		g.Go(func() (err error) {
			claim, err = b.transitions.Claim(b.ctx, o.Fence())
			return err
		})
		g.Go(func() error {
			_, held = b.tenants.SetLegalHold(b.ctx, row.ID, tenant.AuditEntry{Actor: "ada", Action: tenant.ActionSetHold, Outcome: tenant.OutcomeAccepted, Tenant: row.ID, Reason: "x"})
			return nil
		})
		require.NoError(t, g.Wait())
		var removed *tenant.RemovedError
		if claim.Claimed {
			require.ErrorAs(t, held, &removed)
		} else {
			require.NoError(t, held)
		}
	}
}

// TestAHoldThatDidNotSeeThePurge, since it was accepted after the hold had begun: the
// claim waits for the hold, and sees it.
func TestAHoldThatDidNotSeeThePurge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row := b.archivedFor(t, "Charité", 0)
	sub := submission(t, tenant.KindPurge, row.ID)
	sub.Admin = true
	o, err := b.operations.Submit(b.ctx, sub)
	require.NoError(t, err)
	hold, err := b.pool.Begin(b.ctx)
	require.NoError(t, err)
	_, err = hold.Exec(b.ctx, `UPDATE tenants SET legal_hold = '{"setBy": "ada", "setAt": "2026-01-01T00:00:00Z", "reason": "case 17"}' WHERE id = $1`, string(row.ID))
	require.NoError(t, err)
	o.RunID, o.State = "r", tenant.StateRunning
	var claim tenant.Claim
	var g errgroup.Group
	done := make(chan struct{})
	g.Go(func() (err error) {
		defer close(done)
		claim, err = b.transitions.Claim(b.ctx, o.Fence())
		return err
	})
	b.eventually(t, "the claim waits for the hold, or ends", func() bool {
		select {
		case <-done:
			return true
		default:
			return b.waiting(t) > 0
		}
	})
	require.NoError(t, hold.Commit(b.ctx))
	require.NoError(t, g.Wait())
	require.False(t, claim.Claimed)
	require.Equal(t, tenant.StateRolledBack, b.state(t, o.ID))
}

// TestWhatIsDue: archives whose time is over, the longest over first, that nobody
// holds or works on.
func TestWhatIsDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	purges := postgres.NewPurges(b.pool)
	due := b.archivedFor(t, "Charité", 0)
	longer := b.archivedFor(t, "Necker", -time.Hour)
	b.archivedFor(t, "Lakeside", time.Hour)
	held, busy := b.archivedFor(t, "Riverside", 0), b.archivedFor(t, "Hillside", 0)
	b.mustExec(t, `UPDATE tenants SET legal_hold = '{}' WHERE id = $1`, string(held.ID))
	b.submit(t, tenant.KindPurge, busy.ID)
	found, err := purges.Due(b.ctx, 10)
	require.NoError(t, err)
	require.Equal(t, []tenant.ID{longer.ID, due.ID}, found)
	found, err = purges.Due(b.ctx, 1)
	require.NoError(t, err)
	require.Equal(t, []tenant.ID{longer.ID}, found)
}

// TestOnlyTheTenantsSchemaIsDropped: one that somebody dropped already is no error,
// and one that no row says is the tenant's is left alone.
func TestOnlyTheTenantsSchemaIsDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gone := b.archivedFor(t, "Charité", 0)
	b.mustExec(t, `DROP SCHEMA `+ident(gone.Schema)+` CASCADE`)
	b.purge(t, b.submit(t, tenant.KindPurge, gone.ID), true)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM operations WHERE removed ->> 'schemaWasThere' = 'false'`))

	foreign := b.archivedFor(t, "Necker", 0)
	b.mustExec(t, `DELETE FROM tenant_schema_versions WHERE tenant_id = $1`, string(foreign.ID))
	f := b.submit(t, tenant.KindPurge, foreign.ID)
	var step *tenant.StepError
	require.ErrorAs(t, b.schemas.Remove(b.ctx, f), &step)
	require.True(t, step.Permanent)
	require.Contains(t, step.Reason, foreign.Schema)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, foreign.Schema))
}

// TestARoleThatOwnsSomethingElse keeps its tenant's schema as well, and the failure
// names what it owns.
func TestARoleThatOwnsSomethingElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row := b.archivedFor(t, "Charité", 0)
	f := b.submit(t, tenant.KindPurge, row.ID)
	super := b.superuser(t)
	for _, sql := range []string{`CREATE TABLE public.outside ()`, `ALTER TABLE public.outside OWNER TO ` + ident(row.Role)} {
		_, err := super.Exec(b.ctx, sql)
		require.NoError(t, err)
	}
	var step *tenant.StepError
	require.ErrorAs(t, b.schemas.Remove(b.ctx, f), &step)
	require.True(t, step.Permanent)
	require.Contains(t, step.Reason, "outside")
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, row.Schema))
	_, err := super.Exec(b.ctx, `DROP TABLE public.outside`)
	require.NoError(t, err)
	b.purge(t, f, true)
}

// TestALateMailOfAPurge, of an attempt whose run has given it up, finds nobody to send
// it to, and is not sent.
func TestALateMailOfAPurge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.submit(t, tenant.KindPurge, b.archivedFor(t, "Charité", 0).ID)
	b.contractStatus(t, f, tenant.StepTerminateContract)
	require.NoError(t, b.schemas.Remove(b.ctx, f))
	require.NoError(t, postgres.NewPurges(b.pool).EraseAdministrator(b.ctx, f))
	_, err := b.emails.Begin(b.ctx, f, tenant.StepSendDeletedEmail, nil)
	require.ErrorIs(t, err, tenant.ErrSuperseded)
	require.Zero(t, b.count(t, `SELECT count(*) FROM emails WHERE operation_id = $1`, string(f.Operation)))
}
