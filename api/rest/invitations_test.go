package rest_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

const (
	linkToken    = "AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZa"
	goodPassword = "plum tractor seven"
)

// invite makes a tenant active, with the schema that its provisioning would
// have made, and gives its administrator a link.
func (b *testBundle) invite(t *testing.T, name string) (users string) {
	t.Helper()
	id := tenant.ID(b.create(t, name)["tenantId"].(string))
	b.exec(t, `UPDATE tenants SET status = 'ACTIVE', activated_at = now() WHERE id = $1`, string(id))
	var schema string
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT schema_name FROM tenants WHERE id = $1`, string(id)).Scan(&schema))
	template, err := migrations.Tenant()
	require.NoError(t, err)
	b.exec(t, `CREATE SCHEMA `+pgx.Identifier{schema}.Sanitize())
	b.exec(t, `SELECT run_script($1)`, template.For(pgx.Identifier{schema}.Sanitize(), pgx.Identifier{b.pool.Config().ConnConfig.User}.Sanitize()))
	b.exec(t, `INSERT INTO `+pgx.Identifier{schema, "roles"}.Sanitize()+` (name, description) VALUES ('admin', '')`)
	users = pgx.Identifier{schema, "users"}.Sanitize()
	b.exec(t, `INSERT INTO `+users+` (id, email, first_name, last_name, role) VALUES ($1, 'ada@hospital.example', 'Ada', 'Lovelace', 'admin')`, id.AdministratorID())
	b.exec(t, `INSERT INTO invitations (token_hash, tenant_id, user_id, expires_at) VALUES ($1, $2, $3, now() + $4)`,
		invitation.TokenHash(linkToken), string(id), id.AdministratorID(), time.Hour)
	return users
}

func (b *testBundle) submit(t *testing.T, token, password, repeat string) answer {
	t.Helper()
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	return b.send(t, http.MethodPost, "/invitations/"+token, header, url.Values{"password": {password}, "repeat": {repeat}}.Encode())
}

func (b *testBundle) passwordHash(t *testing.T, users string) string {
	t.Helper()
	var hash string
	require.NoError(t, b.pool.QueryRow(context.Background(), `SELECT coalesce(password_hash, '') FROM `+users).Scan(&hash))
	return hash
}

// page reads the answer as a page for people.
func (a answer) page(t *testing.T, status int) string {
	t.Helper()
	require.Equal(t, status, a.status, string(a.body))
	require.Equal(t, "text/html; charset=UTF-8", a.header.Get("Content-Type"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, "no-referrer", a.header.Get("Referrer-Policy"))
	require.NotContains(t, string(a.body), "<script")
	require.Contains(t, a.header.Get("Content-Security-Policy"), "form-action 'self'")
	return html.UnescapeString(string(a.body))
}

func TestFirstPasswordIsSetOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const name = `Charité "<b>" & مستشفى`
	users := b.invite(t, name)
	for range 2 { // looking does not use the link up
		page := b.send(t, http.MethodGet, "/invitations/"+linkToken, nil, "").page(t, http.StatusOK)
		require.Contains(t, page, `<bdi dir="auto">`+name+`</bdi>`)
		require.Contains(t, page, "Ada Lovelace")
		require.Contains(t, page, "ada@hospital.example")
		require.Regexp(t, `until <time datetime="[^"]+">\w+day, \d+ \w+ \d{4}, \d\d:\d\d UTC`, page)
	}
	require.NotContains(t, string(b.send(t, http.MethodGet, "/invitations/"+linkToken, nil, "").body), "<b>", "a name is text, never markup")

	done := b.submit(t, linkToken, goodPassword, goodPassword).page(t, http.StatusOK)
	require.Contains(t, done, "Your password is set")
	require.Contains(t, done, `href="`+appURL+`"`)
	hash := b.passwordHash(t, users)
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)

	for _, a := range []answer{b.submit(t, linkToken, "another good one", "another good one"), b.send(t, http.MethodGet, "/invitations/"+linkToken, nil, "")} {
		page := a.page(t, http.StatusGone)
		require.Contains(t, page, "used already")
		require.Contains(t, page, appURL)
		require.NotContains(t, page, "hospital.example")
		require.NotContains(t, page, "Charité")
	}
	require.Equal(t, hash, b.passwordHash(t, users))
	require.NotContains(t, b.logs.String(), "plum")
	require.NotContains(t, b.logs.String(), linkToken)
}

// together is a hasher that lets nobody go on before all have come: each of them
// has found the link unused.
type together struct {
	missing atomic.Int32
	all     chan struct{}
}

func (h *together) Hash(ctx context.Context, _ string) (string, error) {
	if h.missing.Add(-1) == 0 {
		close(h.all)
	}
	select {
	case <-h.all:
		return "$argon2id$of-a-test", nil
	case <-ctx.Done():
		return "", tenant.ErrUnavailable
	}
}

func TestOneOfManyFormsAtOnceSetsThePassword(t *testing.T) {
	t.Parallel()
	statuses := make([]int, 8)
	hasher := &together{all: make(chan struct{})}
	hasher.missing.Store(int32(len(statuses)))
	b := setup(t, func(c *rest.Config) { c.Passwords = hasher })
	users := b.invite(t, "Charité")
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() { statuses[i] = b.submit(t, linkToken, goodPassword, goodPassword).status })
	}
	all.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusGone: len(statuses) - 1}, count)
	require.NotEmpty(t, b.passwordHash(t, users))
}

func TestRefusedPasswordsKeepTheLink(t *testing.T) {
	t.Parallel()
	b := setup(t)
	users := b.invite(t, "Charité Berlin")
	for name, c := range map[string]struct{ password, repeat, says string }{
		"empty":            {"", "", "0 characters"},
		"short":            {"plum", "plum", "4 characters"},
		"long":             {strings.Repeat("plum tractor ", 12), strings.Repeat("plum tractor ", 12), "at most 128"},
		"not repeated":     {goodPassword, "", "not the same"},
		"repeated wrongly": {goodPassword, goodPassword + " ", "not the same"},
		"common":           {"password1234", "password1234", "among the first"},
		"the address":      {"ada@hospital.example", "ada@hospital.example", "made of your name"},
		"the organisation": {"Charité-Berlin", "Charité-Berlin", "made of your name"},
		"NUL":              {goodPassword + "\x00", goodPassword + "\x00", "cannot be typed"},
	} {
		page := b.submit(t, linkToken, c.password, c.repeat).page(t, http.StatusUnprocessableEntity)
		require.Contains(t, page, c.says, name)
		require.Contains(t, page, `role="alert"`)
		if len(c.password) > 4 && name != "the address" { // which stands on the page anyway
			require.NotContains(t, page, c.password, "a password is never shown")
		}
	}
	require.Empty(t, b.passwordHash(t, users))
	b.submit(t, linkToken, goodPassword, goodPassword).page(t, http.StatusOK)
}

func TestPagesOfLinksThatDoNotWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token, change string
		status        int
		says          string
	}{
		"unknown":        {"unknownunknownunknownunknown", "", http.StatusNotFound, "not known"},
		"no token":       {"%27%20OR%20true%20--", "", http.StatusNotFound, "not known"},
		"a path":         {"..%2f..%2f", "", http.StatusNotFound, "not known"},
		"nothing":        {"", "", http.StatusNotFound, "not known"},
		"expired":        {linkToken, `UPDATE invitations SET expires_at = now()`, http.StatusGone, "has expired"},
		"not in use":     {linkToken, `UPDATE tenants SET status = 'SUSPENDED'`, http.StatusGone, "does not work now"},
		"used long ago":  {linkToken, `UPDATE invitations SET used_at = now(), expires_at = now()`, http.StatusGone, "used already"},
		"not active yet": {linkToken, `UPDATE tenants SET status = 'PROVISIONING'`, http.StatusGone, "does not work now"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			users := b.invite(t, "Charité")
			if c.change != "" {
				b.exec(t, c.change)
			}
			answers := []answer{b.send(t, http.MethodGet, "/invitations/"+c.token, nil, ""), b.submit(t, c.token, goodPassword, goodPassword)}
			for _, a := range answers {
				page := a.page(t, c.status)
				require.Contains(t, page, c.says)
				require.NotContains(t, page, "Charité", "a link that does not work tells nothing of the tenant")
				require.NotContains(t, page, "Ada")
				require.Contains(t, page, a.header.Get("X-Request-Id"))
			}
			require.Empty(t, b.passwordHash(t, users))
		})
	}
}

func TestFormFromAnotherSiteIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	users := b.invite(t, "Charité")
	form := url.Values{"password": {goodPassword}, "repeat": {goodPassword}}.Encode()
	send := func(header http.Header) answer {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		return b.send(t, http.MethodPost, "/invitations/"+linkToken, header, form)
	}
	for _, header := range []http.Header{
		{"Origin": {"https://evil.example"}},
		{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}},
		{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}},
		{"Sec-Fetch-Site": {"same-site"}},
	} {
		require.Contains(t, send(header).page(t, http.StatusForbidden), "from another site")
	}
	require.Empty(t, b.passwordHash(t, users))
	// What browsers send with our own form, which asks for no referrer.
	send(http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"same-origin"}}).page(t, http.StatusOK)
}

func TestFormsThatAreNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	users := b.invite(t, "Charité")
	path := "/invitations/" + linkToken
	b.send(t, http.MethodPost, path, http.Header{"Content-Type": {"application/json"}}, `{"password": "plum tractor seven"}`).page(t, http.StatusUnsupportedMediaType)
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	b.send(t, http.MethodPost, path, form, "password=%zz").page(t, http.StatusBadRequest)
	b.send(t, http.MethodPost, path, form, "password="+strings.Repeat("a", 64<<10)).page(t, http.StatusRequestEntityTooLarge)
	b.send(t, http.MethodPost, path, form, "").page(t, http.StatusUnprocessableEntity)
	a := b.send(t, http.MethodDelete, path, nil, "")
	a.page(t, http.StatusMethodNotAllowed)
	require.Contains(t, a.header.Get("Allow"), "POST")
	require.Empty(t, b.passwordHash(t, users))
}

// busy is a hasher that has no room.
type busy struct{}

func (busy) Hash(context.Context, string) (string, error) { return "", tenant.ErrUnavailable }

func TestBusyHasherKeepsTheLink(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *rest.Config) { c.Passwords = busy{} })
	b.invite(t, "Charité")
	a := b.submit(t, linkToken, goodPassword, goodPassword)
	require.Contains(t, a.page(t, http.StatusServiceUnavailable), "open your link again")
	require.NotEmpty(t, a.header.Get("Retry-After"))
	b.send(t, http.MethodGet, "/invitations/"+linkToken, nil, "").page(t, http.StatusOK)
}
