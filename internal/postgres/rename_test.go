package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// archived makes a tenant and archives it.
func (b testBundle) archived(t *testing.T, name string, from tenant.Status) tenant.Tenant {
	t.Helper()
	_, row := b.provision(t, name, tenant.StateSucceeded)
	if from == tenant.StatusSuspended {
		b.suspend(t, row.ID)
	}
	f := b.submit(t, tenant.KindArchive, row.ID)
	if from == tenant.StatusActive {
		require.NoError(t, b.access.RevokeAccess(b.ctx, f))
		b.contractStatus(t, f, tenant.StepSuspendContract)
	}
	require.NoError(t, b.access.MarkArchived(b.ctx, f, 30*24*time.Hour))
	b.notify(t, f, tenant.StepSendArchivedEmail)
	row, err := b.tenants.Find(b.ctx, row.ID)
	require.NoError(t, err)
	return row
}

// undeletion asks for an archive to be taken back under a name; empty is its own.
func undeletion(t *testing.T, id tenant.ID, name string) tenant.Submission {
	t.Helper()
	sub := submission(t, tenant.KindUndelete, id)
	sub.Operation.NewName = name
	return sub
}

func (b testBundle) undelete(t *testing.T, id tenant.ID, name string) tenant.Operation {
	t.Helper()
	o, err := b.operations.Submit(b.ctx, undeletion(t, id, name))
	require.NoError(t, err)
	return o
}

// run gives an operation to a run.
func (b testBundle) run(t *testing.T, o tenant.Operation) tenant.Fence {
	t.Helper()
	o.RunID, o.State = "run of "+string(o.ID), tenant.StateRunning
	c, err := b.transitions.Claim(b.ctx, o.Fence())
	require.NoError(t, err)
	require.True(t, c.Claimed)
	return o.Fence()
}

func (b testBundle) named(t *testing.T, name string) []tenant.ID {
	t.Helper()
	page, err := b.tenants.List(b.ctx, tenant.Filter{Name: name})
	require.NoError(t, err)
	ids := []tenant.ID{}
	for _, item := range page.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

// TestATenantComesBackUnderANewName, which is held for it from the acceptance on
// and becomes its name with its status.
func TestATenantComesBackUnderANewName(t *testing.T) {
	t.Parallel()
	for _, from := range []tenant.Status{tenant.StatusActive, tenant.StatusSuspended} {
		t.Run(string(from), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			before := b.archived(t, "Charité", from)
			other := b.accept(t, "charité")
			for _, taken := range []string{"", "CHARITÉ", "  Charité"} {
				_, err := b.operations.Submit(b.ctx, undeletion(t, before.ID, taken))
				require.ErrorIs(t, err, tenant.ErrNameTaken, taken)
			}

			o := b.undelete(t, before.ID, "Charité am See")
			require.Equal(t, "Charité am See", o.NewName)
			require.Equal(t, 1, b.count(t, `SELECT count(*) FROM audit_log WHERE operation_id = $1 AND detail = 'with the new name Charité am See'`, string(o.ID)))
			taken := func(why string) {
				t.Helper()
				_, err := b.operations.Submit(b.ctx, acceptance(t, "CHARITÉ  AM SEE"))
				require.ErrorIs(t, err, tenant.ErrNameTaken, why)
			}
			taken("the new name is held")
			require.Empty(t, b.named(t, "am see"), "it is not its name yet")
			require.ElementsMatch(t, []tenant.ID{before.ID, other.New.ID}, b.named(t, "Charité"))

			f := b.run(t, o)
			// Its run is lost, and another one goes on: what the acceptance holds is in the rows.
			released, err := b.transitions.Release(b.ctx, f.Operation, f.Run, true)
			require.NoError(t, err)
			require.True(t, released)
			f.Run = "another"
			_, err = b.transitions.Claim(b.ctx, f)
			require.NoError(t, err)
			// Names are folded anew by an upgrade meanwhile.
			_, err = postgres.RefoldNames(b.ctx, b.pool)
			require.NoError(t, err)
			taken("while it runs")
			row, err := b.tenants.Find(b.ctx, before.ID)
			require.NoError(t, err)
			require.Equal(t, "Charité", row.Name)

			pivot := func() error { return b.access.MarkSuspended(b.ctx, f) }
			if from == tenant.StatusActive {
				b.contractStatus(t, f, tenant.StepResumeContract)
				pivot = func() error { return b.transitions.GiveBack(b.ctx, f) }
			}
			require.NoError(t, pivot())
			require.NoError(t, pivot(), "twice is once")
			row, err = b.tenants.Find(b.ctx, before.ID)
			require.NoError(t, err)
			require.Equal(t, "Charité am See", row.Name)
			require.Equal(t, from, row.Status)
			require.Equal(t, []string{before.Slug, before.Schema, before.Role, before.ContractID}, []string{row.Slug, row.Schema, row.Role, row.ContractID})
			require.Equal(t, []tenant.ID{before.ID}, b.named(t, "am see"))
			taken("now it is its name")

			w, err := b.emails.Begin(b.ctx, f, tenant.StepSendUndeletedEmail, nil)
			require.NoError(t, err)
			require.Equal(t, "Charité am See", w.Tenant.Name, "the mail has the new name")
			require.NoError(t, b.emails.Complete(b.ctx, f, w, tenant.EmailReceipt{Provider: "smtp", ProviderID: w.ID}))
			require.Empty(t, b.look(t))
			require.Equal(t, 1, b.count(t, `SELECT count(*) FROM tenants WHERE id = $1 AND next_name_key IS NULL`, string(before.ID)))

			// The name of before is the other tenant's alone: its second archive frees the
			// new one.
			f = b.submit(t, tenant.KindArchive, before.ID)
			if from == tenant.StatusActive {
				b.contractStatus(t, f, tenant.StepSuspendContract)
			}
			require.NoError(t, b.access.MarkArchived(b.ctx, f, time.Hour))
			b.accept(t, "Charité am See")
		})
	}
}

// TestARolledBackUndeleteLeavesTheTenantAsItWas: every column but its version and
// times, whatever name it was to have and however far it came.
func TestARolledBackUndeleteLeavesTheTenantAsItWas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	columns := func(id tenant.ID) (row map[string]any) {
		require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT to_jsonb(t) - '{version, updated_at}'::text[] FROM tenants t WHERE id = $1`, string(id)).Scan(&row))
		return row
	}
	for n, from := range []tenant.Status{tenant.StatusActive, tenant.StatusSuspended} {
		own := fmt.Sprintf("Charité %d", n)
		row := b.archived(t, own, from)
		alike := b.archived(t, own, from)
		// Of the time before names that look alike were refused.
		b.mustExec(t, `UPDATE tenants SET name_key = name_key || U&'\200B' || id WHERE id = $1`, string(alike.ID))
		for _, id := range []tenant.ID{row.ID, alike.ID} {
			before := columns(id)
			for _, name := range []string{"", own, fmt.Sprintf("CHARITÉ  %d", n), fmt.Sprintf("Another %d", n)} {
				what := fmt.Sprintf("%s from %s as %q", id, from, name)
				free := func() {
					t.Helper()
					require.Equal(t, before, columns(id), what)
					require.Zero(t, b.count(t, `SELECT count(*) FROM tenants WHERE id = $1 AND name_held`, string(id)), what)
				}
				o := b.undelete(t, id, name)
				require.Equal(t, 1, b.count(t, `SELECT count(*) FROM tenants WHERE id = $1 AND name_held`, string(id)), what)
				done, err := b.operations.RollBackPending(b.ctx, o, "a test", tenant.AuditEntry{Actor: "ada", Action: "rollback", Outcome: tenant.OutcomeAccepted, Tenant: id, Operation: o.ID})
				require.NoError(t, err)
				require.True(t, done)
				free()

				f := b.run(t, b.undelete(t, id, name))
				b.move(t, f, tenant.StateRunning, tenant.StateNeedsAttention)
				b.move(t, f, tenant.StateNeedsAttention, tenant.StateRunning)
				b.move(t, f, tenant.StateRunning, tenant.StateRollingBack)
				b.move(t, undoing(f), tenant.StateRollingBack, tenant.StateRollbackBlocked)
				require.Equal(t, 1, b.count(t, `SELECT count(*) FROM tenants WHERE id = $1 AND name_held`, string(id)), what)
				b.move(t, undoing(f), tenant.StateRollbackBlocked, tenant.StateRollingBack)
				b.move(t, undoing(f), tenant.StateRollingBack, tenant.StateRolledBack)
				free()
			}
		}
	}
	b.accept(t, "Another 0")
	b.accept(t, "Charité 0")
}
