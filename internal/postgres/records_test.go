package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

const day = 24 * time.Hour

// passes makes what has happened be so many days older.
func (b testBundle) passes(t *testing.T, days int) {
	t.Helper()
	for table, columns := range map[string][]string{
		"tenants": {"created_at", "activated_at"}, "operations": {"created_at", "started_at", "finished_at"},
		"provisioning_logs": {"created_at", "started_at"}, "audit_log": {"at"}, "emails": {"created_at", "sent_at"},
		"invitations": {"created_at", "expires_at", "used_at"},
	} {
		for _, c := range columns {
			b.mustExec(t, `UPDATE `+table+` SET `+c+` = `+c+` - make_interval(days => $1)`, days)
		}
	}
}

// movesLogs moves what is old, as a round of the keeper does, but for the object.
func (b testBundle) movesLogs(t *testing.T) {
	t.Helper()
	rs := postgres.NewRecords(b.pool)
	old, err := rs.Old(b.ctx, 90*day, 1000)
	require.NoError(t, err)
	require.NotEmpty(t, old)
	a := tenant.LogArchive{Name: "object", Rows: len(old), From: old[0].At, To: old[len(old)-1].At}
	require.NoError(t, rs.Begin(b.ctx, a.Name))
	require.NoError(t, rs.Moved(b.ctx, a, old))
}

// TestADateIsRepairedFromLogsThatHaveMoved: a tenant is active since its provisioning, and
// not since a later operation, whose log is the only one that the database still has.
func TestADateIsRepairedFromLogsThatHaveMoved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f, row := b.provision(t, "Charité", tenant.StateSucceeded)
	b.passes(t, 100)
	b.suspend(t, row.ID)
	b.passes(t, 100)
	resume := b.submit(t, tenant.KindResume, row.ID)
	b.contractStatus(t, resume, tenant.StepResumeContract)
	require.NoError(t, b.transitions.GiveBack(b.ctx, resume))
	b.notify(t, resume, tenant.StepSendResumedEmail)
	require.Equal(t, 2, b.count(t, `SELECT count(*) FROM provisioning_logs WHERE step = 'MARK_ACTIVE'`))
	repairs := func() {
		b.mustExec(t, `UPDATE tenants SET activated_at = NULL`)
		open := b.look(t)
		require.Len(t, open, 1)
		require.Equal(t, tenant.FindingActiveWithoutDate, open[0].Kind)
		done, err := b.repairs.Mend(b.ctx, open[0])
		require.NoError(t, err)
		require.True(t, done)
		require.Empty(t, b.look(t))
		mended, err := b.tenants.Find(b.ctx, row.ID)
		require.NoError(t, err)
		provisioned, err := b.operations.Find(b.ctx, f.Operation)
		require.NoError(t, err)
		require.WithinDuration(t, provisioned.FinishedAt, mended.ActivatedAt, time.Hour)
	}
	repairs()
	b.movesLogs(t)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM provisioning_logs WHERE step = 'MARK_ACTIVE'`))
	require.Empty(t, b.look(t))
	repairs()
}

// TestALinkIsNotMissedWhenTheAuditLogHasForgotten that the address was corrected, which
// ended it.
func TestALinkIsNotMissedWhenTheAuditLogHasForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, row := b.provision(t, "Charité", tenant.StateSucceeded)
	email := "grace@hospital.example"
	_, err := b.tenants.ChangeAdministrator(b.ctx, row.ID, tenant.AdministratorChange{Email: &email}, 0,
		tenant.AuditEntry{Actor: "test", Action: "change-administrator", Outcome: tenant.OutcomeAccepted, Tenant: row.ID})
	require.NoError(t, err)
	require.Zero(t, b.count(t, `SELECT count(*) FROM invitations`))
	rs := postgres.NewRecords(b.pool)
	const least = 365 // days, of AUDIT_RETENTION
	for _, days := range []int{0, least - 1, 2, 5 * least} {
		b.passes(t, days)
		_, err := rs.DeleteAudit(b.ctx, least*day, 1000)
		require.NoError(t, err)
		require.Empty(t, b.look(t))
	}
	require.Zero(t, b.count(t, `SELECT count(*) FROM audit_log`))
	b.mustExec(t, `UPDATE emails SET created_at = now() - make_interval(days => $1)`, least-1)
	require.Len(t, b.look(t), 1, "what the audit log would tell is missed")
}
