package invitation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/tenant"
)

var (
	tokenSecret = strings.Repeat("secret of the tokens", 4)
	hospital    = tenant.Tenant{ID: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11", Generation: 1, Administrator: tenant.Administrator{Email: ada.Email}}
)

// welcome is the key of the step that sends the hospital's welcome mail.
var welcome = tenant.EffectKey(hospital.ID, hospital.Generation, tenant.StepSendWelcomeEmail)

func kept(context.Context) ([]byte, error) { return []byte("a key that the database keeps...."), nil }

func keysOf(t *testing.T, s invitation.Secrets) tenant.InvitationKeys {
	t.Helper()
	if s.Kept == nil {
		s.Kept = kept
	}
	k, err := invitation.NewKeys(s)
	require.NoError(t, err)
	all, err := k.All(t.Context())
	require.NoError(t, err)
	return all
}

// legacyToken is the link that versions before INVITATION_SECRET have mailed.
const legacyToken = "Jsf6_s-pf1nbDlgV9CoAMO4eE1dyozVXtbzMmvCLu6A"

// TestNewLinksDoNotComeFromTheSecretOfTokens, whatever is configured: whoever
// may make tokens cannot compute a link.
func TestNewLinksDoNotComeFromTheSecretOfTokens(t *testing.T) {
	t.Parallel()
	own := strings.Repeat("secret of the links!", 2)
	withTokens := keysOf(t, invitation.Secrets{Tokens: tokenSecret})
	require.Equal(t, keysOf(t, invitation.Secrets{})[0], withTokens[0], "the secret of the tokens changes nothing")
	require.Equal(t, []byte("a key that the database keeps...."), withTokens[0])
	require.Equal(t, keysOf(t, invitation.Secrets{Own: []string{own}})[0], keysOf(t, invitation.Secrets{Own: []string{own}, Tokens: tokenSecret})[0])
	require.NotEqual(t, withTokens[0], keysOf(t, invitation.Secrets{Own: []string{own}})[0])

	seen := map[string]bool{}
	for _, key := range keysOf(t, invitation.Secrets{Own: []string{own, own + "2"}, Tokens: tokenSecret}) {
		seen[string(key)] = true
	}
	require.Len(t, seen, 4, "the new one, the one before, the database's, and that of versions before")
}

// TestAMailUnderWayKeepsItsLink when the keys change: from the secret of tokens
// to a key of their own, and from one secret to the next.
func TestAMailUnderWayKeepsItsLink(t *testing.T) {
	t.Parallel()
	first, second := strings.Repeat("the first secret ", 2), strings.Repeat("the second secret ", 2)
	for name, tt := range map[string]struct {
		before string // the token that was mailed
		now    invitation.Secrets
	}{
		"upgrade":                 {legacyToken, invitation.Secrets{Tokens: tokenSecret}},
		"upgrade with a secret":   {legacyToken, invitation.Secrets{Own: []string{first}, Tokens: tokenSecret}},
		"a secret where none was": {keysOf(t, invitation.Secrets{}).Token(welcome, tenant.Email{Tenant: hospital}), invitation.Secrets{Own: []string{first}}},
		"another secret":          {keysOf(t, invitation.Secrets{Own: []string{first}}).Token(welcome, tenant.Email{Tenant: hospital}), invitation.Secrets{Own: []string{second, first}}},
		"none where a secret was": {keysOf(t, invitation.Secrets{}).Token(welcome, tenant.Email{Tenant: hospital}), invitation.Secrets{Tokens: tokenSecret}},
	} {
		keys := keysOf(t, tt.now)
		hash := tenant.HashToken(tt.before)
		link := keys.Invitation(welcome, hospital, time.Hour)
		require.Contains(t, append(link.Earlier, link.TokenHash), hash, name)
		require.Equal(t, tt.before, keys.Token(welcome, tenant.Email{Tenant: hospital, TokenHash: hash}), name)
	}
}

// TestKeysAreReadWhenTheDatabaseIsThere, and then no more.
func TestKeysAreReadWhenTheDatabaseIsThere(t *testing.T) {
	t.Parallel()
	asked := 0
	away := errors.New("away")
	k, err := invitation.NewKeys(invitation.Secrets{Kept: func(context.Context) ([]byte, error) {
		if asked++; asked == 1 {
			return nil, away
		}
		return []byte("key"), nil
	}})
	require.NoError(t, err)
	_, err = k.All(t.Context())
	require.ErrorIs(t, err, away)
	for range 3 {
		all, err := k.All(t.Context())
		require.NoError(t, err)
		require.Equal(t, tenant.InvitationKeys{[]byte("key")}, all)
	}
	require.Equal(t, 2, asked)
}
