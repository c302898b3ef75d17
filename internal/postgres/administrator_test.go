package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/tenant"
)

// hold locks rows until the returned function is called.
func (b testBundle) hold(t *testing.T, sql string, args ...any) (release func()) {
	t.Helper()
	tx, err := b.pool.Begin(b.ctx)
	require.NoError(t, err)
	release = func() { _ = tx.Rollback(context.Background()) } // the second time it has ended
	t.Cleanup(release)                                         // a pool with a transaction in it does not close
	_, err = tx.Exec(b.ctx, sql, args...)
	require.NoError(t, err)
	return release
}

// waiting is how many of this test's connections wait for a lock.
func (b testBundle) waiting(t *testing.T) int {
	t.Helper()
	return b.count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
}

func (b testBundle) eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, time.Minute, 5*time.Millisecond, what)
}

// newAddress corrects the administrator's address.
func (b testBundle) newAddress(f tenant.Fence, address string) error {
	_, err := b.tenants.ChangeAdministrator(b.ctx, f.Tenant, tenant.AdministratorChange{Email: &address}, 0,
		tenant.AuditEntry{Actor: "test", Action: "administrator", Outcome: tenant.OutcomeAccepted, Tenant: f.Tenant})
	return err
}

// TestACorrectedAddressIsSeeded although the step had begun before.
func TestACorrectedAddressIsSeeded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Corrected clinic")
	release := b.hold(t, `SELECT FROM operations FOR UPDATE`)
	var step errgroup.Group
	step.Go(func() error { return b.schemas.Create(b.ctx, f) })
	b.eventually(t, "the step waits at its fence", func() bool { return b.waiting(t) == 1 })
	require.NoError(t, b.newAddress(f, "new@hospital.example"))
	release()
	require.NoError(t, step.Wait())

	tn, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM `+pgx.Identifier{tn.Schema, "users"}.Sanitize()+` WHERE email = 'new@hospital.example'`))
}

// TestTheLinkOfACorrectedAddressEnds also if it was just about to be made.
func TestTheLinkOfACorrectedAddressEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Corrected clinic")
	w, err := b.emails.Begin(b.ctx, f, tenant.StepSendWelcomeEmail, linkTo)
	require.NoError(t, err)
	require.NoError(t, b.emails.Leave(b.ctx, w, tenant.EmailFailed))

	release := b.hold(t, `SELECT FROM emails FOR UPDATE`)
	var step, change errgroup.Group
	step.Go(func() (err error) {
		w, err = b.emails.Begin(b.ctx, f, tenant.StepSendWelcomeEmail, linkTo)
		return err
	})
	b.eventually(t, "the step has read the address", func() bool { return b.waiting(t) == 1 })
	changed := make(chan struct{})
	change.Go(func() error {
		defer close(changed)
		return b.newAddress(f, "new@hospital.example")
	})
	b.eventually(t, "the change waits for the step, or is made", func() bool {
		select {
		case <-changed:
			return true
		default:
			return b.waiting(t) == 2
		}
	})
	release()
	require.NoError(t, step.Wait())
	require.NoError(t, change.Wait())
	require.Equal(t, "ada@hospital.example", w.Tenant.Administrator.Email)
	require.Zero(t, b.count(t, `SELECT count(*) FROM invitations`), "the link in the mail to the old address leads nowhere")
}

func linkTo(tn tenant.Tenant) tenant.Invitation {
	return tenant.Invitation{TokenHash: tenant.HashToken(tn.Administrator.Email), TTL: time.Hour}
}

// TestAnAddressOfAnotherUserIsRefused, before the administrator has a password as the
// schema's own users follow a correction.
func TestAnAddressOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f, row := b.provision(t, "Charité", tenant.StateSucceeded)
	b.mustExec(t, `INSERT INTO `+ident(row.Schema)+`.users (id, email, first_name, last_name, role) VALUES (gen_random_uuid(), 'grace@hospital.example', 'Grace', 'Hopper', 'user')`)
	require.ErrorIs(t, b.newAddress(f, "GRACE@hospital.example"), tenant.ErrAddressTaken)
	after, err := b.tenants.Find(b.ctx, row.ID)
	require.NoError(t, err)
	require.Equal(t, row.Administrator, after.Administrator)
}
