package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// keyed is a worker's way to make the links of a fence's mails.
func keyed(f tenant.Fence, keys ...string) (tenant.InvitationKeys, func(tenant.Tenant) tenant.Invitation) {
	all := make(tenant.InvitationKeys, len(keys))
	for i, key := range keys {
		all[i] = []byte(key)
	}
	return all, func(t tenant.Tenant) tenant.Invitation {
		return all.Invitation(f.Key(tenant.StepSendWelcomeEmail), t, time.Hour)
	}
}

// mailed begins a mail and gives the token in it, as left by an attempt that
// ended in that state.
func (b testBundle) mailed(t *testing.T, f tenant.Fence, left tenant.EmailState, keys ...string) string {
	t.Helper()
	all, invite := keyed(f, keys...)
	w, err := b.emails.Begin(b.ctx, f, tenant.StepSendWelcomeEmail, invite)
	require.NoError(t, err)
	require.NoError(t, b.emails.Leave(b.ctx, w, left))
	return all.Token(f.Key(w.Step), w)
}

// TestAMailThatIsRepeatedCarriesTheSameLinkWhateverTheKeysAreNow, as long as the
// key that made it is among them; a link that was sent goes on to work anyway.
func TestAMailThatIsRepeatedCarriesTheSameLinkWhateverTheKeysAreNow(t *testing.T) {
	t.Parallel()
	for _, left := range []tenant.EmailState{tenant.EmailSending, tenant.EmailUnknown, tenant.EmailPending, tenant.EmailFailed} {
		t.Run(string(left), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			f := b.claim(t, "Key clinic")
			require.NoError(t, b.schemas.Create(b.ctx, f))
			first := b.mailed(t, f, left, "old")
			require.Equal(t, first, b.mailed(t, f, left, "new", "old"))
			require.Equal(t, first, b.mailed(t, f, left, "newer", "new", "old"))
			require.Equal(t, 1, b.count(t, `SELECT count(*) FROM invitations`))

			b.mustExec(t, `UPDATE tenants SET status = 'ACTIVE'`)
			other := b.mailed(t, f, left, "new")
			require.NotEqual(t, first, other, "without the old key the link cannot be made again")
			for _, token := range []string{first, other} {
				_, err := postgres.NewInvitations(b.pool).Find(b.ctx, token)
				require.NoError(t, err)
			}
			require.Equal(t, other, b.mailed(t, f, left, "new", "old"), "the last one that was mailed")
		})
	}
}

// TestALinkOfAnEarlierKeyComesToItsEnd: it is not made to last longer, since
// that key was given up.
func TestALinkOfAnEarlierKeyComesToItsEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Ended clinic")
	first := b.mailed(t, f, tenant.EmailFailed, "old")
	b.mustExec(t, `UPDATE invitations SET expires_at = now() - interval '1 minute'`)
	require.NotEqual(t, first, b.mailed(t, f, tenant.EmailFailed, "new", "old"))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM invitations WHERE expires_at < now()`))
}

// TestAUsedLinkOfAnEarlierKeyStaysTheMailsLink: a mail in doubt that had arrived
// must not bring a second chance to set the first password.
func TestAUsedLinkOfAnEarlierKeyStaysTheMailsLink(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Used clinic")
	first := b.mailed(t, f, tenant.EmailUnknown, "old")
	b.mustExec(t, `UPDATE invitations SET used_at = now(), expires_at = now() - interval '1 minute'`)
	require.Equal(t, first, b.mailed(t, f, tenant.EmailUnknown, "new", "old"))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM invitations WHERE used_at IS NOT NULL`))
}

// TestTheDatabaseKeepsOneKeyForLinks: every process reads the same.
func TestTheDatabaseKeepsOneKeyForLinks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, err := postgres.NewInvitations(b.pool).Key(b.ctx)
	require.NoError(t, err)
	require.Len(t, key, 32)
	again, err := postgres.NewInvitations(b.pool).Key(b.ctx)
	require.NoError(t, err)
	require.Equal(t, key, again)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM installation WHERE invitation_key <> sha256(id::text::bytea)`))
	b.mustExec(t, `DELETE FROM installation`)
	b.mustExec(t, `INSERT INTO installation DEFAULT VALUES`)
	another, err := postgres.NewInvitations(b.pool).Key(b.ctx)
	require.NoError(t, err)
	require.NotEqual(t, key, another, "another installation has another key")
}
