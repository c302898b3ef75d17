package e2e

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var invitationLink = regexp.MustCompile(`https?://[^\s"<>]+/invitations/[\w-]+`)

// TestAcceptedNames provisions tenants whose names are a trial for whatever
// handles them, and follows each mail's link to the first password.
func TestAcceptedNames(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	var operations []operation
	names := []string{
		`St. Mary's "New" Hospital; DROP SCHEMA public CASCADE; --`,
		"🏥👩🏽‍⚕️ Klinik 🚑", "مستشفى الملك فهد", "בית חולים", "北京协和医院", "ศูนย์การแพทย์",
		"select", "public", "pg_catalog", "%s %d $1 \\ {{.}} ${HOME}", "<script>alert(1)</script>",
		strings.Repeat("ä", 100), "O'Neill", "o neill!", "日本国", "中国人",
	}
	for _, name := range names {
		operations = append(operations, i.create(name))
	}
	schemas := map[string]bool{}
	for n, o := range operations {
		tenant := i.becomesActive(o)
		require.Equal(t, names[n], tenant.Name)
		require.LessOrEqual(t, len(tenant.SchemaName), 63)
		require.False(t, schemas[tenant.SchemaName], "two tenants have the schema %s", tenant.SchemaName)
		schemas[tenant.SchemaName] = true
		i.setsFirstPassword(tenant)
	}
	i.requireNoMore()
}

// link is the one in the newest mail to an administrator that has one.
func (i *installation) link(t tenant) string {
	i.t.Helper()
	for _, mail := range slices.Backward(i.mails(t.AdminEmail)) {
		if address := invitationLink.FindString(mail.Text); address != "" {
			require.Contains(i.t, html.UnescapeString(mail.HTML), address)
			require.True(i.t, strings.HasPrefix(address, i.url))
			return address
		}
	}
	require.Fail(i.t, "no mail has a link")
	return ""
}

// setsFirstPassword does what the administrator does who has got the mail.
func (i *installation) setsFirstPassword(t tenant) {
	i.t.Helper()
	address := i.link(t)
	form := i.page(address)
	require.Equal(i.t, http.StatusOK, form.status)
	require.Contains(i.t, html.UnescapeString(string(form.body)), t.Name)
	const password = "plum tractor seven lanterns"
	done := i.submit(address, password)
	require.Equal(i.t, http.StatusOK, done.status, "%s", done.body)
	hash := value[string](i, fmt.Sprintf(`SELECT password_hash FROM %q.users WHERE email = $1`, t.SchemaName), t.AdminEmail)
	require.True(i.t, strings.HasPrefix(hash, "$argon2id$"), hash)

	for _, r := range []reply{i.page(address), i.submit(address, "another good password")} {
		require.Equal(i.t, http.StatusGone, r.status)
		require.Contains(i.t, string(r.body), "used")
	}
	require.Equal(i.t, hash, value[string](i, fmt.Sprintf(`SELECT password_hash FROM %q.users WHERE email = $1`, t.SchemaName), t.AdminEmail))
}
