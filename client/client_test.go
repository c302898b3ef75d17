package client

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []Config{
		{}, {URL: "tenants.example.org", Token: "x"}, {URL: "https://tenants.example.org?a=b", Token: "x"},
		{URL: "https://tenants.example.org"}, {URL: "ftp://tenants.example.org", Token: "x"},
		{URL: "https://tenants.example.org", Token: "x", Timeout: -1},
		{URL: "https://tenants.example.org", Token: "x", TokenSource: func(context.Context) (string, error) { return "", nil }},
	} {
		_, err := New(c)
		require.Error(t, err, "%+v", c)
	}
}

func TestTokenSourceIsAskedEachTime(t *testing.T) {
	t.Parallel()
	s := serve(t, refuses(http.StatusServiceUnavailable, CodeUnavailable), answers(http.StatusOK, Tenant{ID: "t"}))
	tokens := []string{"first", "second"}
	c, _ := connect(t, s.url+"/", func(c *Config) {
		c.Token, c.TokenSource = "", func(context.Context) (string, error) {
			token := tokens[0]
			tokens = tokens[1:]
			return token, nil
		}
	})
	_, err := c.GetTenant(t.Context(), "t")
	require.NoError(t, err)
	require.Equal(t, "Bearer first", s.requests()[0].header.Get("Authorization"))
	require.Equal(t, "Bearer second", s.requests()[1].header.Get("Authorization"))
	require.Equal(t, "/v1/tenants/t", s.requests()[1].path)

	gone := errors.New("the identity provider is away")
	c, _ = connect(t, s.url, func(c *Config) {
		c.Token, c.TokenSource = "", func(context.Context) (string, error) { return "", gone }
	})
	_, err = c.GetTenant(t.Context(), "t")
	require.ErrorIs(t, err, gone)
}

// TestWhatIsSentBesideTheBody: query, headers and escaped paths, and nothing that
// is empty.
func TestWhatIsSentBesideTheBody(t *testing.T) {
	t.Parallel()
	s := serve(t, answers(http.StatusOK, Tenant{ID: "t"}, "ETag", `"4"`))
	c, _ := connect(t, s.url)
	_, err := c.ListTenants(t.Context(), ListTenantsParams{Status: StatusActive, Name: "St. Mary & Co", Limit: 10})
	require.NoError(t, err)
	require.Equal(t, "limit=10&name=St.+Mary+%26+Co&status=ACTIVE", s.requests()[0].query)
	require.Empty(t, s.requests()[0].body)

	tenant, err := c.ChangeTenant(t.Context(), "a/b", ChangeTenantParams{AdminEmail: "ada@stmarys.example", IfMatch: `"3"`})
	require.NoError(t, err)
	require.Equal(t, `"4"`, tenant.ETag)
	require.Equal(t, "/v1/tenants/a/b", s.requests()[1].path)
	require.Equal(t, `"3"`, s.requests()[1].header.Get("If-Match"))
	require.JSONEq(t, `{"adminEmail":"ada@stmarys.example"}`, s.requests()[1].body)

	_, err = c.PlanRollback(t.Context(), "o")
	require.NoError(t, err)
	require.Equal(t, received{method: "POST", path: "/v1/operations/o/rollback", query: "dryRun=true", header: s.requests()[2].header}, s.requests()[2])
}

// TestKeysAreMadeAndKept: one for each call, unless the caller gives one.
func TestKeysAreMadeAndKept(t *testing.T) {
	t.Parallel()
	s := serve(t, accepts())
	c, _ := connect(t, s.url)
	for _, key := range []string{"", "", "mine"} {
		_, err := c.CreateTenant(t.Context(), CreateTenantParams{IdempotencyKey: key})
		require.NoError(t, err)
		_, err = c.RetryOperation(t.Context(), "o", RetryOperationParams{Reason: "again", RequestID: key})
		require.NoError(t, err)
	}
	keys := map[string]bool{}
	for n, r := range s.requests() {
		if n%2 == 0 {
			keys[r.header.Get("Idempotency-Key")] = true
			require.NotContains(t, r.body, r.header.Get("Idempotency-Key"))
		} else {
			require.Regexp(t, `"requestId":"(mine|[0-9a-f-]{36})"`, r.body)
			keys[r.body] = true
		}
	}
	require.Len(t, keys, 6)
	require.True(t, keys["mine"])
}

// TestANewerServerIsUnderstood: values and fields that this package does not know.
func TestANewerServerIsUnderstood(t *testing.T) {
	t.Parallel()
	s := serve(t, answers(http.StatusOK, map[string]any{"id": "o", "state": "PAUSED", "kind": "merge", "more": 1}, "Retry-After", "2"))
	c, _ := connect(t, s.url)
	o, err := c.GetOperation(t.Context(), "o", GetOperationParams{})
	require.NoError(t, err)
	require.Equal(t, Operation{ID: "o", State: "PAUSED", Kind: "merge", RetryAfter: 2 * time.Second}, o)
}

func TestProblems(t *testing.T) {
	t.Parallel()
	s := serve(t, answers(http.StatusConflict, map[string]any{
		"type": "/docs#action-refused", "title": "The action is refused", "status": 409, "code": "action-refused", "detail": "It runs.",
		"state": "RUNNING", "allowedActions": []string{"rollback"}, "requestId": "r", "errors": []map[string]string{{"location": "body.reason", "message": "is required"}},
	}, "Retry-After", "3"))
	c, _ := connect(t, s.url)
	_, err := c.SkipOperation(t.Context(), "o", SkipOperationParams{})
	p, ok := errors.AsType[*Problem](err)
	require.True(t, ok)
	require.True(t, IsCode(err, CodeActionRefused))
	require.False(t, IsCode(err, CodeNameTaken))
	require.False(t, IsCode(errors.New("another"), CodeActionRefused))
	require.Equal(t, StateRunning, p.State)
	require.Equal(t, []Action{ActionRollback}, p.AllowedActions)
	require.Equal(t, 3*time.Second, p.RetryAfter)
	require.EqualError(t, err, "409 The action is refused: It runs.; body.reason: is required (request r)")

	for _, body := range []any{"<html>a proxy's page</html>", map[string]string{"error": "a proxy's page"}} {
		s = serve(t, answers(http.StatusForbidden, body))
		c, _ = connect(t, s.url)
		_, err = c.GetTenant(t.Context(), "t")
		p, ok = errors.AsType[*Problem](err)
		require.True(t, ok)
		require.Equal(t, http.StatusForbidden, p.Status)
		require.Contains(t, p.Detail, "a proxy's page")
	}
}
