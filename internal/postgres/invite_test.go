package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

const (
	oldAddress = "ada@hospital.example" // that of every acceptance
	newAddress = "grace@hospital.example"
	theKey     = "a key of the test"
)

// invitation asks for one.
func (b testBundle) invitation(t *testing.T, id tenant.ID, admin bool) (tenant.Operation, error) {
	t.Helper()
	sub := submission(t, tenant.KindInvite, id)
	sub.Admin = admin
	return b.operations.Submit(b.ctx, sub)
}

// invites gives an invitation to a run.
func (b testBundle) invites(t *testing.T, id tenant.ID) tenant.Fence {
	t.Helper()
	return b.submit(t, tenant.KindInvite, id)
}

// tells begins the mail to the address before.
func (b testBundle) tells(t *testing.T, f tenant.Fence) tenant.Email {
	t.Helper()
	w, err := b.emails.Begin(b.ctx, f, tenant.StepSendInvitedElsewhereEmail, nil)
	require.NoError(t, err)
	return w
}

// links begins the mail with the link, and gives the token in it.
func (b testBundle) links(t *testing.T, f tenant.Fence) (tenant.Email, string) {
	t.Helper()
	keys, invite := keyed(f, theKey)
	w, err := b.emails.Begin(b.ctx, f, tenant.StepSendWelcomeEmail, invite)
	require.NoError(t, err)
	return w, keys.Token(f.Key(w.Step), w)
}

// sent ends a step's mail.
func (b testBundle) sent(t *testing.T, f tenant.Fence, w tenant.Email) {
	t.Helper()
	require.NoError(t, b.emails.Complete(b.ctx, f, w, tenant.EmailReceipt{Provider: "smtp", ProviderID: w.ID}))
}

// inUse makes a tenant whose administrator has a link, and gives its token.
func (b testBundle) inUse(t *testing.T) (tenant.Tenant, string) {
	t.Helper()
	f := b.claim(t, "Charité")
	require.NoError(t, b.schemas.Create(b.ctx, f))
	b.activate(t, f)
	w, token := b.links(t, f)
	b.sent(t, f, w)
	row, err := b.tenants.Find(b.ctx, f.Tenant)
	require.NoError(t, err)
	return row, token
}

func (b testBundle) works(token string) error {
	_, err := postgres.NewInvitations(b.pool).Find(b.ctx, token)
	return err
}

func (b testBundle) sets(t *testing.T, token, hash string) {
	t.Helper()
	require.NoError(t, postgres.NewInvitations(b.pool).Accept(b.ctx, token, hash))
}

// signsIn is who signs in as the administrator, and with what.
func (b testBundle) signsIn(t *testing.T, row tenant.Tenant) (who string) {
	t.Helper()
	require.NoError(t, b.pool.QueryRow(b.ctx, `SELECT email || ' ' || coalesce(password_hash, '') FROM `+ident(row.Schema)+`.users WHERE id = $1`, row.ID.AdministratorID()).Scan(&who))
	return who
}

func (b testBundle) state(t *testing.T, id tenant.OperationID) tenant.State {
	t.Helper()
	o, err := b.operations.Find(b.ctx, id)
	require.NoError(t, err)
	return o.State
}

// TestEarlierLinksEndWithTheNewMail, in the commit that says that it was sent, and
// not before; a mail that is repeated has the link that it had.
func TestEarlierLinksEndWithTheNewMail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row, first := b.inUse(t)
	another, untouched := b.provision(t, "Another", tenant.StateSucceeded)

	f := b.invites(t, row.ID)
	require.True(t, b.tells(t, f).Nobody, "no password was set")
	require.True(t, b.tells(t, f).Nobody, "twice is once")
	w, second := b.links(t, f)
	require.NotEqual(t, first, second)
	require.True(t, w.Again)
	require.NoError(t, b.emails.Leave(b.ctx, w, tenant.EmailUnknown))
	for _, token := range []string{first, second} {
		require.NoError(t, b.works(token), "until it is known that the new one has arrived, both work")
	}
	w, repeated := b.links(t, f)
	require.Equal(t, second, repeated)
	b.sent(t, f, w)
	require.ErrorIs(t, b.works(first), tenant.ErrNotFound)
	require.NoError(t, b.works(second))
	require.Equal(t, tenant.StateSucceeded, b.state(t, f.Operation))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND step = 'SEND_INVITED_ELSEWHERE_EMAIL' AND status = 'SKIPPED' AND error LIKE 'nobody is to be told%'`, string(f.Operation)))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM invitations WHERE tenant_id = $1`, string(untouched.ID)), "of %s", another.Tenant)
	require.Empty(t, b.look(t))

	f = b.invites(t, row.ID)
	b.tells(t, f)
	w, third := b.links(t, f)
	require.NotContains(t, []string{first, second}, third, "each invitation has a link of its own")
	b.sent(t, f, w)
	require.ErrorIs(t, b.works(second), tenant.ErrNotFound)
	b.sets(t, third, "hash")
	require.Equal(t, oldAddress+" hash", b.signsIn(t, row))
	require.Empty(t, b.look(t))
}

// TestALinkThatWasLostIsFound also where earlier ones were used.
func TestALinkThatWasLostIsFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row, first := b.inUse(t)
	b.sets(t, first, "hash")
	f := b.invites(t, row.ID)
	b.tells(t, f)
	w, _ := b.links(t, f)
	b.sent(t, f, w)
	require.Empty(t, b.look(t))
	b.mustExec(t, `DELETE FROM invitations WHERE used_at IS NULL`)
	open := b.look(t)
	require.Len(t, open, 1)
	require.Equal(t, tenant.FindingInvitationMissing, open[0].Kind)
	require.Equal(t, w.ID, open[0].Subject)
}

// TestWhoMayInvite whom, and what is said otherwise.
func TestWhoMayInvite(t *testing.T) {
	t.Parallel()
	const hasPassword = `UPDATE {schema}.users SET password_hash = 'hash'`
	for what, c := range map[string]struct {
		do              string
		operator, admin string // what each is told; empty is nothing
	}{
		"no password yet":            {do: `SELECT 1`},
		"a password was set":         {do: hasPassword, operator: "only an administrator may do this: a password was set already"},
		"its user was removed":       {do: `DELETE FROM {schema}.users`, operator: "was removed", admin: "was removed"},
		"it has no users":            {do: `DROP TABLE {schema}.users`, operator: "is not there", admin: "is not there"},
		"it has no schema":           {do: `DROP SCHEMA {schema} CASCADE`, operator: "is not there", admin: "is not there"},
		"the address is another's":   {do: `INSERT INTO {schema}.users (id, email, first_name, last_name, role) VALUES (gen_random_uuid(), 'GRACE@hospital.example', 'G', 'H', 'user'); UPDATE tenants SET admin_email = 'grace@hospital.example'`, operator: "another of its users", admin: "another of its users"},
		"it has been made otherwise": {do: `UPDATE {schema}.users SET email = 'other@hospital.example'`},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			row, _ := b.inUse(t)
			_, err := b.superuser(t).Exec(b.ctx, strings.ReplaceAll(c.do, "{schema}", ident(row.Schema)))
			require.NoError(t, err)
			for admin, want := range map[bool]string{false: c.operator, true: c.admin} {
				o, err := b.invitation(t, row.ID, admin)
				if want == "" {
					require.NoError(t, err)
					b.mustExec(t, `UPDATE operations SET state = 'ROLLED_BACK', failed_step = NULL WHERE id = $1`, string(o.ID))
					continue
				}
				require.ErrorContains(t, err, want)
				var status *tenant.StatusRefusedError
				require.True(t, errors.Is(err, tenant.ErrForbidden) || errors.As(err, &status), "%v", err)
			}
		})
	}
}

// TestOnlyAnActiveTenantIsInvited, and whoever asks is told what is allowed instead.
func TestOnlyAnActiveTenantIsInvited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row, _ := b.inUse(t)
	for _, status := range tenant.Statuses() {
		if status == tenant.StatusActive {
			continue
		}
		b.mustExec(t, `UPDATE tenants SET status = $1, admin_email = CASE WHEN $1 <> 'DELETED' THEN admin_email END,
			admin_first_name = CASE WHEN $1 <> 'DELETED' THEN admin_first_name END, admin_last_name = CASE WHEN $1 <> 'DELETED' THEN admin_last_name END`, string(status))
		_, err := b.invitation(t, row.ID, true)
		var refused *tenant.StatusRefusedError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, status, refused.Status)
		require.NotContains(t, refused.Allowed(), "invite")
	}
	require.Zero(t, b.count(t, `SELECT count(*) FROM operations WHERE kind = 'invite'`))
}

// TestOfManyInvitationsAtOnceOneIsAccepted: the first has to end before the next.
func TestOfManyInvitationsAtOnceOneIsAccepted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row, _ := b.inUse(t)
	const many = 20
	errs := make([]error, many)
	var all errgroup.Group
	for i := range many {
		all.Go(func() error {
			_, errs[i] = b.invitation(t, row.ID, false)
			return nil
		})
	}
	require.NoError(t, all.Wait())
	accepted := 0
	for _, err := range errs {
		if err == nil {
			accepted++
			continue
		}
		require.ErrorIs(t, err, tenant.ErrOperationOpen)
	}
	require.Equal(t, 1, accepted)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM operations WHERE kind = 'invite'`))
}

// TestAnInvitationKeepsNothingFromBeingDone: wherever it is, what is accepted later
// ends it, and nothing that is left of it changes anything.
func TestAnInvitationKeepsNothingFromBeingDone(t *testing.T) {
	t.Parallel()
	for _, kind := range []tenant.Kind{tenant.KindSuspend, tenant.KindArchive} {
		for _, state := range []tenant.State{tenant.StatePending, tenant.StateRunning, tenant.StateNeedsAttention, tenant.StateRollingBack} {
			t.Run(string(kind)+"/"+string(state), func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				row, first := b.inUse(t)
				var f tenant.Fence
				var w tenant.Email
				if state == tenant.StatePending {
					o, err := b.invitation(t, row.ID, false)
					require.NoError(t, err)
					f = o.Fence()
				} else {
					f = b.invites(t, row.ID)
					b.tells(t, f)
					w, _ = b.links(t, f)
				}
				if state == tenant.StateNeedsAttention || state == tenant.StateRollingBack {
					b.move(t, f, tenant.StateRunning, state)
				}
				sub := submission(t, kind, row.ID)
				sub.Actor = "ada"
				o, err := b.operations.Submit(b.ctx, sub)
				require.NoError(t, err)
				require.Equal(t, tenant.KindInvite, o.Supersedes, "its run is cancelled before this one's begins")
				ended, err := b.operations.Find(b.ctx, f.Operation)
				require.NoError(t, err)
				require.Equal(t, tenant.StateRolledBack, ended.State)
				require.Equal(t, tenant.ClassCancelled, ended.FailureClass)
				require.Equal(t, "given up for a later operation ("+kind.Verb()+")", ended.FailureReason)
				require.Equal(t, 1, b.count(t, `SELECT count(*) FROM audit_log WHERE operation_id = $1 AND action = 'rollback' AND outcome = 'accepted' AND actor = 'ada' AND detail LIKE 'given up%'`, string(f.Operation)))
				now, err := b.tenants.Find(b.ctx, row.ID)
				require.NoError(t, err)
				require.Equal(t, tenant.StatusActive, now.Status, "the later one has not begun")

				if w.ID != "" {
					require.ErrorIs(t, b.emails.Complete(b.ctx, f, w, tenant.EmailReceipt{}), tenant.ErrSuperseded)
				}
				require.NoError(t, b.works(first), "nothing has ended the link before")
				c, err := b.transitions.Claim(b.ctx, f)
				require.NoError(t, err)
				require.False(t, c.Claimed)
			})
		}
	}
}

// TestTheAddressBeforeIsTold when a password is reset by a link that goes elsewhere:
// until that is used, whoever signed in goes on to.
func TestTheAddressBeforeIsTold(t *testing.T) {
	t.Parallel()
	for what, gone := range map[string]bool{"it takes mail": false, "it does not": true} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			row, first := b.inUse(t)
			b.sets(t, first, "before")
			require.NoError(t, b.newAddress(tenant.Fence{Tenant: row.ID}, newAddress))
			f := b.invites(t, row.ID)
			w := b.tells(t, f)
			require.False(t, w.Nobody)
			require.Equal(t, tenant.Administrator{Email: oldAddress, FirstName: "Ada", LastName: "Lovelace"}, w.Recipient())
			require.Empty(t, w.TokenHash, "it has no link")
			require.NoError(t, b.emails.Leave(b.ctx, w, tenant.EmailUnknown))
			again := b.tells(t, f)
			require.Equal(t, w.ID, again.ID)
			require.Equal(t, tenant.EmailUnknown, again.Before, "it is asked about, not sent twice")
			if gone {
				require.NoError(t, b.emails.Undeliverable(b.ctx, f, again, "nobody can be told"))
				require.Equal(t, 1, b.count(t, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND status = 'SKIPPED' AND error = 'nobody can be told'`, string(f.Operation)))
			} else {
				b.sent(t, f, again)
				repeated := b.tells(t, f) // its answer was lost
				require.Equal(t, tenant.EmailSent, repeated.Before)
				b.sent(t, f, repeated)
				require.Equal(t, 1, b.count(t, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND step = $2 AND status = 'COMPLETED'`, string(f.Operation), string(w.Step)))
			}
			require.Equal(t, tenant.StateRunning, b.state(t, f.Operation))
			w, second := b.links(t, f)
			require.Equal(t, newAddress, w.Recipient().Email)
			b.sent(t, f, w)
			require.Equal(t, oldAddress+" before", b.signsIn(t, row))
			b.sets(t, second, "after")
			require.Equal(t, newAddress+" after", b.signsIn(t, row))
			require.Empty(t, b.look(t))
		})
	}
}

// TestAnInvitationThatIsNotWhatWasAskedForAnyMore is not sent: neither to an address
// that came after it was looked at whom to tell, nor where an earlier link was used.
func TestAnInvitationThatIsNotWhatWasAskedForAnyMore(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		password bool
		change   func(t *testing.T, b testBundle, row tenant.Tenant, first string)
		says     string
	}{
		"another address": {password: true, says: "address was changed", change: func(t *testing.T, b testBundle, row tenant.Tenant, _ string) {
			t.Helper()
			require.NoError(t, b.newAddress(tenant.Fence{Tenant: row.ID}, newAddress))
		}},
		"an earlier link was used": {says: "by an earlier link", change: func(t *testing.T, b testBundle, _ tenant.Tenant, first string) {
			t.Helper()
			b.sets(t, first, "hash")
		}},
		"another address, and nobody signs in": {change: func(t *testing.T, b testBundle, row tenant.Tenant, _ string) {
			t.Helper()
			require.NoError(t, b.newAddress(tenant.Fence{Tenant: row.ID}, newAddress))
		}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			row, first := b.inUse(t)
			if c.password {
				b.sets(t, first, "before")
			}
			f := b.invites(t, row.ID)
			require.True(t, b.tells(t, f).Nobody)
			c.change(t, b, row, first)
			_, invite := keyed(f, theKey)
			_, err := b.emails.Begin(b.ctx, f, tenant.StepSendWelcomeEmail, invite)
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			var refused *tenant.StepError
			require.ErrorAs(t, err, &refused)
			require.True(t, refused.Permanent)
			require.True(t, refused.Alone)
			require.Contains(t, refused.Reason, c.says)
			require.Zero(t, b.count(t, `SELECT count(*) FROM invitations WHERE used_at IS NULL`))
			require.Zero(t, b.count(t, `SELECT count(*) FROM emails WHERE operation_id = $1`, string(f.Operation)))
		})
	}
}

// TestALinkInDoubtGoesToNobodyElse: the mail had arrived and a password was set by
// its link, which nobody has noted, when the address was changed. Nor does a link that
// an administrator meant for one address go to the next.
func TestALinkInDoubtGoesToNobodyElse(t *testing.T) {
	t.Parallel()
	const thirdAddress = "third@hospital.example"
	inDoubt := func(t *testing.T, b testBundle, f tenant.Fence) tenant.Fence {
		t.Helper()
		w, token := b.links(t, f)
		require.NoError(t, b.emails.Leave(b.ctx, w, tenant.EmailUnknown))
		b.sets(t, token, "hash")
		require.NoError(t, b.newAddress(f, thirdAddress))
		return f
	}
	for what, c := range map[string]struct {
		asked func(t *testing.T, b testBundle) tenant.Fence
		says  string
	}{
		"of a provisioning": {func(t *testing.T, b testBundle) tenant.Fence {
			t.Helper()
			f := b.claim(t, "Charité")
			require.NoError(t, b.schemas.Create(b.ctx, f))
			b.activate(t, f)
			return inDoubt(t, b, f)
		}, "skip the step"},
		"of an invitation": {func(t *testing.T, b testBundle) tenant.Fence {
			t.Helper()
			row, _ := b.inUse(t)
			f := b.invites(t, row.ID)
			b.tells(t, f)
			return inDoubt(t, b, f)
		}, "ask for the invitation again"},
		"of a reset": {func(t *testing.T, b testBundle) tenant.Fence {
			t.Helper()
			row, first := b.inUse(t)
			b.sets(t, first, "before")
			f := b.invites(t, row.ID)
			b.tells(t, f)
			return inDoubt(t, b, f)
		}, "ask for the invitation again"},
		"of a reset that was meant for another": {func(t *testing.T, b testBundle) tenant.Fence {
			t.Helper()
			row, first := b.inUse(t)
			b.sets(t, first, "before")
			require.NoError(t, b.newAddress(tenant.Fence{Tenant: row.ID}, newAddress))
			f := b.invites(t, row.ID)
			b.sent(t, f, b.tells(t, f))
			w, _ := b.links(t, f)
			require.NoError(t, b.emails.Leave(b.ctx, w, tenant.EmailFailed))
			require.NoError(t, b.newAddress(f, thirdAddress))
			return f
		}, "ask for the invitation again"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			f := c.asked(t, b)
			_, invite := keyed(f, theKey)
			_, err := b.emails.Begin(b.ctx, f, tenant.StepSendWelcomeEmail, invite)
			var refused *tenant.StepError
			require.ErrorAs(t, err, &refused)
			require.True(t, refused.Permanent)
			require.Contains(t, refused.Reason, "address was changed")
			require.Contains(t, refused.Reason, c.says)
			require.Zero(t, b.count(t, `SELECT count(*) FROM invitations WHERE used_at IS NULL`))
		})
	}
}

// TestALinkThatIsUsedBeforeItsMailIsNoted: the mail had arrived, and the step ends
// as if nothing had been in doubt.
func TestALinkThatIsUsedBeforeItsMailIsNoted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row, _ := b.inUse(t)
	f := b.invites(t, row.ID)
	b.tells(t, f)
	_, token := b.links(t, f) // and its worker is lost
	b.sets(t, token, "hash")
	w, again := b.links(t, f)
	require.Equal(t, token, again)
	b.sent(t, f, w)
	require.Equal(t, tenant.StateSucceeded, b.state(t, f.Operation))
	require.ErrorIs(t, b.works(token), invitation.ErrUsed)
	require.Empty(t, b.look(t))
}
