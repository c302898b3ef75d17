package tenant_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/tenant"
)

// TestAMailThatIsRepeatedCarriesTheSameLink; any other key, tenant, generation
// or address has another one.
func TestAMailThatIsRepeatedCarriesTheSameLink(t *testing.T) {
	t.Parallel()
	key := []byte(strings.Repeat("k", 32))
	t1 := tenant.Tenant{ID: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11", Generation: 1, Administrator: ada, Name: "Ward 7"}
	token := tokenOf(key, t1)

	same := t1
	same.Name, same.Status, same.Version = "Ward 8", tenant.StatusActive, 9
	same.Administrator.Email = strings.ToUpper(ada.Email)
	same.Administrator.FirstName = "Augusta"
	require.Equal(t, token, tokenOf(key, same))

	others := []tenant.Tenant{t1, t1, t1}
	others[0].Administrator.Email = "grace@hospital.example"
	others[1].Generation = 2
	others[2].ID = "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f12"
	seen := map[string]bool{token: true, tokenOf([]byte("another key"), t1): true}
	for _, other := range others {
		seen[tokenOf(key, other)] = true
	}
	require.Len(t, seen, 5)
}

// tokenOf is the token in the welcome mail of a provisioning.
func tokenOf(key []byte, t tenant.Tenant) string {
	f := tenant.Fence{Operation: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f22", Tenant: t.ID, Generation: t.Generation}
	return tenant.InvitationToken(key, f.Key(tenant.StepSendWelcomeEmail), t.Administrator.Email)
}

// TestEachInvitationHasALinkOfItsOwn, also where nothing else has changed: none is
// the welcome mail's.
func TestEachInvitationHasALinkOfItsOwn(t *testing.T) {
	t.Parallel()
	key := []byte(strings.Repeat("k", 32))
	seen := map[string]bool{}
	for _, f := range []tenant.Fence{
		{Operation: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f22"},
		{Operation: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f33", Kind: tenant.KindInvite},
		{Operation: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f44", Kind: tenant.KindInvite},
	} {
		f.Tenant, f.Generation = "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11", 1
		seen[tenant.InvitationToken(key, f.Key(tenant.StepSendWelcomeEmail), ada.Email)] = true
	}
	require.Len(t, seen, 3)
}

// TestATokenFitsALink: 256 bits, in characters that a URL's path takes as they
// are; and nothing of the person can be read in it.
func TestATokenFitsALink(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		t1 := tenant.Tenant{
			ID: tenant.ID(rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}`).Draw(t, "id")), Generation: rapid.IntRange(1, 9).Draw(t, "generation"),
			Administrator: tenant.Administrator{Email: rapid.String().Draw(t, "address")},
		}
		token := tokenOf([]byte(rapid.String().Draw(t, "key")), t1)
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || len(raw) != 32 || len(tenant.HashToken(token)) != 32 {
			t.Fatalf("%q: %d bytes, %v", token, len(raw), err)
		}
		if string(tenant.HashToken(token)) == string(raw) {
			t.Fatal("the hash is the token")
		}
	})
}
