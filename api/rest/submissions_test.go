package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// settle writes what a worker's run would have written at the end of a tenant's
// open operation.
func (b *testBundle) settle(t *testing.T, id any) {
	t.Helper()
	b.exec(t, `
		WITH done AS (
			UPDATE operations SET state = 'SUCCEEDED', pivot_passed = true, finished_at = now(), updated_at = now()
			WHERE tenant_id = $1 AND state = 'PENDING' RETURNING from_status, to_status)
		UPDATE tenants SET status = to_status, activated_at = coalesce(activated_at, now()), name_held = to_status NOT IN ('ARCHIVED', 'DELETED'),
			admin_email = CASE WHEN to_status <> 'DELETED' THEN admin_email END,
			admin_first_name = CASE WHEN to_status <> 'DELETED' THEN admin_first_name END,
			admin_last_name = CASE WHEN to_status <> 'DELETED' THEN admin_last_name END,
			purge_after = CASE to_status WHEN 'ARCHIVED' THEN now() + interval '30 days' END,
			archived_from = CASE to_status WHEN 'ARCHIVED' THEN from_status END
		FROM done WHERE id = $1`, id)
}

// active makes a tenant that is in use, and returns its id.
func (b *testBundle) active(t *testing.T, name string) string {
	t.Helper()
	id := b.create(t, name)["tenantId"].(string)
	b.settle(t, id)
	return id
}

// TestTheLifeOfATenant from use to the archive and back, each operation as its
// client sees it.
func TestTheLifeOfATenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	path := "/v1/tenants/" + id
	require.NotContains(t, b.get(t, path).json(t), "openOperation")
	for n, c := range []struct {
		kind             tenant.Kind
		method, route    string
		body             string
		before, after    string
		allowedAfter     []tenant.Action
		purged, archived any
	}{
		{tenant.KindSuspend, http.MethodPost, path + "/suspend", `{"reason": "unpaid"}`, "ACTIVE", "SUSPENDED", []tenant.Action{"resume", "archive", "restore"}, false, nil},
		{tenant.KindResume, http.MethodPost, path + "/resume", "", "SUSPENDED", "ACTIVE", []tenant.Action{"suspend", "archive", "invite", "restore"}, false, nil},
		{tenant.KindArchive, http.MethodDelete, path, `{"reason": "it has closed"}`, "ACTIVE", "ARCHIVED", []tenant.Action{"undelete", "purge"}, true, "ACTIVE"},
		{tenant.KindUndelete, http.MethodPost, path + "/undelete", `{"reason": "it has not"}`, "ARCHIVED", "ACTIVE", []tenant.Action{"suspend", "archive", "invite", "restore"}, false, nil},
		{tenant.KindArchive, http.MethodDelete, path, `{"reason": "it has after all"}`, "ACTIVE", "ARCHIVED", []tenant.Action{"undelete", "purge"}, true, "ACTIVE"},
		{tenant.KindPurge, http.MethodPost, path + "/purge", `{"reason": "they asked"}`, "ARCHIVED", "DELETED", []tenant.Action{}, false, nil},
	} {
		by := operator(t)
		if c.kind == tenant.KindPurge {
			b.send(t, c.method, c.route, by, c.body).problem(t, http.StatusForbidden, rest.CodeForbidden)
			by = as(t, token.RoleAdmin)
		}
		send := func(key string) answer {
			return b.send(t, c.method, c.route, with(by.Clone(), "Idempotency-Key", fmt.Sprint(n, key)), c.body)
		}
		a := send(string(c.kind))
		require.Equal(t, http.StatusAccepted, a.status, string(a.body))
		o := a.json(t)
		require.Equal(t, "/v1/operations/"+o["id"].(string), a.header.Get("Location"))
		require.Equal(t, string(c.kind), o["kind"])
		require.Equal(t, "PENDING", o["state"])
		require.Equal(t, o["id"], send(string(c.kind)).json(t)["id"], "a repetition does it once")

		shown := b.get(t, path).json(t)
		require.Equal(t, c.before, shown["status"], "it has changed nothing yet")
		require.Equal(t, map[string]any{"id": o["id"], "kind": string(c.kind), "state": "PENDING"}, shown["openOperation"])
		p := send("another").problem(t, http.StatusConflict, rest.CodeOperationOpen)
		require.EqualValues(t, o["id"], p.OperationID)
		require.EqualValues(t, "PENDING", p.State)
		steps := b.get(t, path+"/provisioning").json(t)["steps"].([]any)
		require.Len(t, steps, len(tenant.Operation{Kind: c.kind, FromStatus: tenant.Status(c.before), ToStatus: tenant.Status(c.after)}.Lifecycle().Steps()))

		b.settle(t, id)
		shown = b.get(t, path).json(t)
		require.Equal(t, c.after, shown["status"])
		require.NotContains(t, shown, "openOperation")
		require.Equal(t, c.purged, shown["purgeAfter"] != nil)
		require.Equal(t, c.archived, shown["archivedFrom"])
		p = send("late").problem(t, http.StatusConflict, rest.CodeActionRefused)
		require.EqualValues(t, c.after, p.TenantStatus)
		require.Equal(t, c.allowedAfter, p.Allowed)
	}
	require.Equal(t, []string{
		"ada@platform suspend accepted unpaid", "ada@platform suspend refused unpaid", "ada@platform suspend refused unpaid",
		"ada@platform resume accepted ", "ada@platform resume refused ", "ada@platform resume refused ",
		"ada@platform archive accepted it has closed", "ada@platform archive refused it has closed", "ada@platform archive refused it has closed",
		"ada@platform undelete accepted it has not", "ada@platform undelete refused it has not", "ada@platform undelete refused it has not",
		"ada@platform archive accepted it has after all", "ada@platform archive refused it has after all", "ada@platform archive refused it has after all",
		"ada@platform purge refused ", "ada@platform purge accepted they asked", "ada@platform purge refused they asked", "ada@platform purge refused they asked",
	}, b.audited(t, "tenant_id = $1 AND action <> 'create'", id))
}

// TestAnArchiveOfASuspendedTenant has no access to end, and undelete leads back to
// what was.
func TestAnArchiveOfASuspendedTenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	path := "/v1/tenants/" + id
	does := func(method, route string, status string, want ...any) {
		t.Helper()
		require.Equal(t, http.StatusAccepted, b.send(t, method, route, operator(t), `{"reason": "x"}`).status)
		var steps []any
		for _, s := range b.get(t, path+"/provisioning").json(t)["steps"].([]any) {
			steps = append(steps, s.(map[string]any)["step"])
		}
		require.Equal(t, want, steps)
		b.settle(t, id)
		require.Equal(t, status, b.get(t, path).json(t)["status"])
	}
	does(http.MethodPost, path+"/suspend", "SUSPENDED", "REVOKE_ACCESS", "SUSPEND_CONTRACT", "MARK_SUSPENDED", "SEND_SUSPENDED_EMAIL")
	does(http.MethodDelete, path, "ARCHIVED", "MARK_ARCHIVED", "SEND_ARCHIVED_EMAIL")
	does(http.MethodPost, path+"/undelete", "SUSPENDED", "MARK_SUSPENDED", "SEND_UNDELETED_EMAIL")
}

// TestAnAdministratorIsInvitedAgain by an operator until there is a password, and by
// an administrator of the platform afterwards. Anything else that is asked for
// meanwhile ends the invitation.
func TestAnAdministratorIsInvitedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	users := postgrestest.MakeUsers(t, b.pool, tenant.ID(id))
	path := "/v1/tenants/" + id
	invite := func(role token.Role, key string) answer {
		return b.send(t, http.MethodPost, path+"/invite", with(as(t, role), "Idempotency-Key", key), `{"reason": "the mail is lost"}`)
	}
	first := invite(token.RoleOperator, "1")
	require.Equal(t, http.StatusAccepted, first.status, string(first.body))
	o := first.json(t)
	require.Equal(t, "/v1/operations/"+o["id"].(string), first.header.Get("Location"))
	require.Equal(t, "invite", o["kind"])
	require.Equal(t, o["id"], invite(token.RoleOperator, "1").json(t)["id"], "a repetition does it once")
	require.EqualValues(t, o["id"], invite(token.RoleOperator, "2").problem(t, http.StatusConflict, rest.CodeOperationOpen).OperationID)
	require.Equal(t, "ACTIVE", b.get(t, path).json(t)["status"])

	suspend := b.send(t, http.MethodPost, path+"/suspend", operator(t), `{"reason": "unpaid"}`)
	require.Equal(t, http.StatusAccepted, suspend.status, string(suspend.body))
	ended := b.get(t, "/v1/operations/"+o["id"].(string)).json(t)
	require.Equal(t, "ROLLED_BACK", ended["state"])
	require.Equal(t, "given up for a later operation (suspend)", ended["failureReason"])
	b.settle(t, id)
	p := invite(token.RoleAdmin, "3").problem(t, http.StatusConflict, rest.CodeActionRefused)
	require.EqualValues(t, "SUSPENDED", p.TenantStatus)
	require.Equal(t, []tenant.Action{"resume", "archive", "restore"}, p.Allowed)

	b.exec(t, `UPDATE tenants SET status = 'ACTIVE' WHERE id = $1`, id)
	b.exec(t, `UPDATE `+users+` SET password_hash = 'hash'`)
	p = invite(token.RoleOperator, "4").problem(t, http.StatusForbidden, rest.CodeForbidden)
	require.Contains(t, p.Detail, "a password was set already")
	require.Contains(t, p.Detail, "the role admin")
	require.Equal(t, http.StatusAccepted, invite(token.RoleAdmin, "4").status, "a key of a refused request is free")
	require.Equal(t, []string{
		"ada@platform invite accepted the mail is lost", "ada@platform invite refused the mail is lost", "ada@platform invite refused the mail is lost",
		"ada@platform invite refused the mail is lost", "ada@platform invite accepted the mail is lost",
	}, b.audited(t, "tenant_id = $1 AND action = 'invite'", id))
}

// TestAnUndeleteThatComesTooLate says so.
func TestAnUndeleteThatComesTooLate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	require.Equal(t, http.StatusAccepted, b.send(t, http.MethodDelete, "/v1/tenants/"+id+"?reason=closed", operator(t), "").status)
	b.settle(t, id)
	holder := b.active(t, "Charité")
	undelete := func() answer { return b.send(t, http.MethodPost, "/v1/tenants/"+id+"/undelete", operator(t), "") }
	require.Contains(t, undelete().problem(t, http.StatusConflict, rest.CodeNameTaken).Detail, `give it a new one with "name"`)
	b.exec(t, `UPDATE tenants SET name_held = false WHERE id = $1`, holder)
	b.exec(t, `UPDATE tenants SET purge_after = now() - interval '1 second' WHERE id = $1`, id)
	p := undelete().problem(t, http.StatusConflict, rest.CodeActionRefused)
	require.Contains(t, p.Detail, "the time in which the archive could be taken back is over")
	require.EqualValues(t, "ARCHIVED", p.TenantStatus)
	require.Equal(t, []tenant.Action{"purge"}, p.Allowed)
}

// TestAnArchiveIsTakenBackUnderANewName: it is held at once, and shown with the
// operation until it is the tenant's.
func TestAnArchiveIsTakenBackUnderANewName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	path := "/v1/tenants/" + id
	require.Equal(t, http.StatusAccepted, b.send(t, http.MethodDelete, path, operator(t), `{"reason": "closed"}`).status)
	b.settle(t, id)
	b.active(t, "Charité")
	undelete := func(key, body string) answer {
		return b.send(t, http.MethodPost, path+"/undelete", with(operator(t), "Idempotency-Key", key), body)
	}
	for _, name := range []string{`""`, `"ab"`, `"   "`, `"a\u0000bc"`, `"\u200b\u200b\u200b"`, `"` + strings.Repeat("x", 101) + `"`, `7`} {
		p := undelete("wrong", `{"name": `+name+`}`).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
		require.Equal(t, "body.name", p.Errors[0].Location, name)
	}
	require.Equal(t, "Another tenant has this name, or one that looks the same.",
		undelete("taken", `{"name": "CHARITÉ"}`).problem(t, http.StatusConflict, rest.CodeNameTaken).Detail)

	a := undelete("key", `{"name": "  Charité am See ", "reason": "it has not"}`)
	require.Equal(t, http.StatusAccepted, a.status, string(a.body))
	o := a.json(t)
	require.Equal(t, "Charité am See", o["newName"])
	require.Equal(t, "Charité am See", b.get(t, "/v1/operations/"+o["id"].(string)).json(t)["newName"])
	require.Equal(t, "Charité", b.get(t, path).json(t)["name"])
	require.Equal(t, o["id"], undelete("key", `{"name": "Charité am See", "reason": "it has not"}`).json(t)["id"], "the same once it is trimmed")
	for _, other := range []string{`{"reason": "it has not"}`, `{"name": "Charité am Meer", "reason": "it has not"}`} {
		undelete("key", other).problem(t, http.StatusUnprocessableEntity, rest.CodeIdempotencyMismatch)
	}
	b.send(t, http.MethodPost, "/v1/tenants", operator(t), request("CHARITÉ AM SEE")).problem(t, http.StatusConflict, rest.CodeNameTaken)
	require.Equal(t, 1, b.count(t, `audit_log WHERE action = 'undelete' AND outcome = 'accepted' AND detail = 'with the new name Charité am See'`))
	require.Equal(t, 1, b.count(t, `audit_log WHERE action = 'undelete' AND outcome = 'refused' AND detail LIKE '%the name is taken by another tenant'`))
}

// TestOnlyAnUndeleteTakesAName.
func TestOnlyAnUndeleteTakesAName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	for _, l := range tenant.Lifecycles() {
		method, path := http.MethodPost, "/"+l.Verb
		if l.Kind == tenant.KindArchive {
			method, path = http.MethodDelete, ""
		}
		body := `{"reason": "x", "name": "Charité am See"}`
		if l.TakesBackup {
			body = `{"reason": "x", "backupId": "` + someID + `", "name": "Charité am See"}`
		}
		a := b.send(t, method, "/v1/tenants/"+id+path, as(t, token.RoleAdmin), body)
		if l.Renames {
			a.problem(t, http.StatusConflict, rest.CodeActionRefused)
			continue
		}
		require.Equal(t, "body.name", a.problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid).Errors[0].Location, l.Kind)
	}
}

// TestWhoTakesATenantOutOfUseSaysWhy, in the body, or in the query of a DELETE.
func TestWhoTakesATenantOutOfUseSaysWhy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	path := "/v1/tenants/" + id
	long := strings.Repeat("x", 501)
	for _, c := range []struct {
		method, path, body string
		status             int
		location           string
	}{
		{http.MethodPost, path + "/suspend", "", 400, ""},
		{http.MethodPost, path + "/suspend", `{}`, 422, "body.reason"},
		{http.MethodPost, path + "/suspend", `{"reason": " "}`, 422, "body.reason"},
		{http.MethodPost, path + "/suspend", `{"reason": "a\u0000b"}`, 422, "body.reason"},
		{http.MethodPost, path + "/suspend", `{"reason": "x", "requestId": "y"}`, 422, "body.requestId"},
		{http.MethodPost, path + "/suspend?reason=x", `{"reason": "x"}`, 422, "query.reason"},
		{http.MethodPost, path + "/resume", `{"reason": "` + long + `"}`, 422, "body.reason"},
		{http.MethodPost, path + "/undelete", `{"Reason": "x"}`, 422, "body.Reason"},
		{http.MethodPost, path + "/invite", `{"reason": "` + long + `"}`, 422, "body.reason"},
		{http.MethodPost, path + "/invite", `{"email": "mallory@elsewhere.example"}`, 422, "body.email"},
		{http.MethodDelete, path, "", 422, "body.reason"},
		{http.MethodDelete, path, `{}`, 422, "body.reason"},
		{http.MethodDelete, path, `{"reason": "x"`, 400, ""},
		{http.MethodDelete, path + "?reason=%20", "", 422, "query.reason"},
		{http.MethodDelete, path + "?reason=" + long, "", 422, "query.reason"},
		{http.MethodDelete, path + "?reason=a%0Ab", "", 422, "query.reason"},
		{http.MethodDelete, path + "?reason=x", `{"reason": "x"}`, 422, "query.reason"},
		{http.MethodDelete, path + "?why=x", "", 422, "query.why"},
		{http.MethodDelete, "/v1/tenants/x?reason=x", "", 422, "path.id"},
	} {
		code := rest.CodeInvalid
		if c.status == http.StatusBadRequest {
			code = rest.CodeMalformed
		}
		p := b.send(t, c.method, c.path, operator(t), c.body).problem(t, c.status, code)
		if c.location != "" {
			require.Equal(t, c.location, p.Errors[0].Location, "%s %s %s", c.method, c.path, c.body)
		}
	}
	require.Empty(t, b.audited(t, "action <> 'create'"), "what is not well-formed is no request")
	for _, reason := range []string{"", "?reason=" + url.QueryEscape("ticket 4711: they asked")} {
		body := ""
		if reason == "" {
			body = `{"reason": "ticket 4711: they asked"}`
		}
		other := b.active(t, "Other "+reason)
		require.Equal(t, http.StatusAccepted, b.send(t, http.MethodDelete, "/v1/tenants/"+other+reason, operator(t), body).status)
		require.Equal(t, []string{"ada@platform archive accepted ticket 4711: they asked"}, b.audited(t, "tenant_id = $1 AND action = 'archive'", other))
	}
}

// TestARestoreNamesABackup of the tenant's, and what it restores is shown.
func TestARestoreNamesABackup(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	path := "/v1/tenants/" + id + "/restore"
	for body, wrong := range map[string]string{
		`{"reason": "x"}`: "body.backupId", `{"reason": "x", "backupId": "the newest"}`: "body.backupId", `{"reason": "x", "backupId": "` + someID + `"}`: "body.backupId",
	} {
		p := b.send(t, http.MethodPost, path, operator(t), body).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
		require.Equal(t, wrong, p.Errors[0].Location, body)
	}
	b.exec(t, `INSERT INTO backups (id, tenant_id, state, taken_at) VALUES ($1, $2, 'GOOD', now())`, someID, id)
	a := b.send(t, http.MethodPost, path, operator(t), `{"reason": "ticket 4711", "backupId": "`+someID+`"}`)
	require.Equal(t, http.StatusAccepted, a.status, string(a.body))
	o := a.json(t)
	require.Equal(t, someID, o["backupId"])
	require.NotContains(t, o, "restored")
	b.exec(t, `UPDATE operations SET restored = '{"takenAt": "2026-01-02T03:04:05Z", "rows": 7, "templateVersion": 1, "plainTables": ["own"]}' WHERE id = $1`, o["id"])
	require.Equal(t, map[string]any{"takenAt": "2026-01-02T03:04:05Z", "rows": 7.0, "templateVersion": 1.0, "plainTables": []any{"own"}}, b.get(t, "/v1/operations/"+o["id"].(string)).json(t)["restored"])
	require.Equal(t, 1, b.count(t, `audit_log WHERE action = 'restore' AND outcome = 'accepted' AND reason = 'ticket 4711' AND detail = 'from the backup `+someID+`'`))
}

// TestWhoMayNotSubmitIsAudited, for every kind of operation.
func TestWhoMayNotSubmitIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	want := []string{}
	for _, l := range tenant.Lifecycles() {
		method, path := http.MethodPost, "/"+l.Verb
		if l.Kind == tenant.KindArchive {
			method, path = http.MethodDelete, ""
		}
		for _, of := range []string{id, someID, "none"} {
			b.send(t, method, "/v1/tenants/"+of+path, viewer(t), `{"reason": "x"}`).problem(t, http.StatusForbidden, rest.CodeForbidden)
		}
		body := `{"reason": "x"}`
		if l.TakesBackup {
			body = `{"reason": "x", "backupId": "` + someID + `"}`
		}
		b.send(t, method, "/v1/tenants/"+someID+path, as(t, token.RoleAdmin), body).problem(t, http.StatusNotFound, rest.CodeNotFound)
		want = append(want, "ada@platform "+l.Verb+" refused ")
	}
	require.Equal(t, want, b.audited(t, "action <> 'create'"))
}

// TestDeletedTenantsAreListedOnRequest alone; reading one by its id goes on.
func TestDeletedTenantsAreListedOnRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	kept, gone := b.active(t, "Charité"), b.active(t, "Necker")
	b.exec(t, `UPDATE tenants SET status = 'DELETED', name_held = false, admin_email = NULL, admin_first_name = NULL, admin_last_name = NULL WHERE id = $1`, gone)
	listed := func(query string) (ids []any) {
		for _, item := range b.get(t, "/v1/tenants"+query).json(t)["items"].([]any) {
			ids = append(ids, item.(map[string]any)["id"])
		}
		return ids
	}
	require.Equal(t, []any{kept}, listed(""))
	require.Equal(t, []any{gone}, listed("?status=DELETED"))
	require.Empty(t, listed("?name=necker"))
	require.Equal(t, "DELETED", b.get(t, "/v1/tenants/"+gone).json(t)["status"])
}

// TestOnlyAnAdministratorSkipsTheLedger: what the mail's skip gives up, anybody who
// acts may.
func TestOnlyAnAdministratorSkipsTheLedger(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	o := b.send(t, http.MethodPost, "/v1/tenants/"+id+"/suspend", operator(t), `{"reason": "unpaid"}`).json(t)
	skip := func(role token.Role) answer {
		return b.send(t, http.MethodPost, "/v1/operations/"+o["id"].(string)+"/skip", as(t, role), `{"reason": "the key is lost"}`)
	}
	b.exec(t, `UPDATE operations SET state = 'NEEDS_ATTENTION', run_id = 'r', failed_step = 'SUSPEND_CONTRACT' WHERE id = $1`, o["id"])
	require.Contains(t, b.get(t, "/v1/operations/"+o["id"].(string)).json(t)["allowedActions"], "skip")
	skip(token.RoleOperator).problem(t, http.StatusForbidden, rest.CodeForbidden)
	skip(token.RoleAdmin).problem(t, http.StatusServiceUnavailable, rest.CodeUnavailable) // Temporal is away
	b.exec(t, `UPDATE operations SET pivot_passed = true, failed_step = 'SEND_SUSPENDED_EMAIL' WHERE id = $1`, o["id"])
	skip(token.RoleOperator).problem(t, http.StatusServiceUnavailable, rest.CodeUnavailable)
}

// TestEachKindHasItsRequest in the document.
func TestEachKindHasItsRequest(t *testing.T) {
	t.Parallel()
	doc := document(t, setup(t).server)
	for _, l := range tenant.Lifecycles() {
		found := false
		for _, op := range guardedRoutes(doc) {
			if op.OperationID == l.Verb+"-tenant" {
				found = true
				require.NotEmpty(t, op.Summary, l.Verb)
				require.Equal(t, l.NeedsReason() && l.Kind != tenant.KindArchive, op.RequestBody.Value.Required, l.Verb)
			}
		}
		require.True(t, found, "%s has no route", l.Kind)
	}
}

// TestLifeInTheDocumentation runs the blocks of docs/API.md about the life of a
// tenant as they are written, one after the other.
func TestLifeInTheDocumentation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "API.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?ms)^```sh run\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, blocks)
	id := b.active(t, "Charité")
	postgrestest.MakeUsers(t, b.pool, tenant.ID(id))
	statuses := []string{}
	for _, block := range blocks {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-euc", block[1])
		cmd.Env = slices.Concat(os.Environ(), []string{
			"APP_URL=" + b.url, "TENANT=" + id, "TOKEN=" + tokenOf(operator(t)), "ADMIN_TOKEN=" + tokenOf(as(t, token.RoleAdmin)),
		})
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", block[1], out)
		b.settle(t, id)
		statuses = append(statuses, b.get(t, "/v1/tenants/"+id).json(t)["status"].(string))
	}
	require.Equal(t, []string{"SUSPENDED", "ACTIVE", "ARCHIVED", "ACTIVE", "ACTIVE", "ACTIVE", "ARCHIVED", "ARCHIVED", "DELETED"}, statuses)
}

func tokenOf(h http.Header) string { return strings.TrimPrefix(h.Get("Authorization"), "Bearer ") }
