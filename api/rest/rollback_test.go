package rest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/tenant"
)

func (b *testBundle) audited(t *testing.T, where string, args ...any) []string {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), `SELECT actor || ' ' || action || ' ' || outcome || ' ' || coalesce(reason, '') FROM audit_log WHERE `+where+` ORDER BY id`, args...)
	require.NoError(t, err)
	defer rows.Close()
	var audited []string
	for rows.Next() {
		var row string
		require.NoError(t, rows.Scan(&row))
		audited = append(audited, row)
	}
	require.NoError(t, rows.Err())
	return audited
}

// TestRollbackPlan looks at the plan first, and rolls back by it; meanwhile the
// operation goes on.
func TestRollbackPlan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	path := "/v1/operations/" + o["id"].(string) + "/rollback"
	plan := func(body string) map[string]any {
		a := b.send(t, http.MethodPost, path+"?dryRun=true", operator(t), body)
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		require.Empty(t, a.header.Get("Location"))
		return a.json(t)
	}
	waiting := plan("")
	require.Len(t, waiting["steps"], 1)
	require.Equal(t, waiting, plan(`{"reason": "a look"}`))

	b.exec(t, `UPDATE operations SET state = 'RUNNING', run_id = 'r' WHERE id = $1`, o["id"])
	b.exec(t, `INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt) VALUES ($1, $2, 'DEPLOY_SOROBAN_CONTRACT', 'IN_PROGRESS', 1)`, o["tenantId"], o["id"])
	running := plan("")
	require.NotEqual(t, waiting["planHash"], running["planHash"])
	var names []any
	for _, s := range running["steps"].([]any) {
		step := s.(map[string]any)
		names = append(names, step["name"])
		require.Equal(t, step["name"] != tenant.UndoContract, step["reversible"])
	}
	require.Equal(t, []any{tenant.UndoContract, tenant.UndoSchema, tenant.UndoRecord}, names)

	a := b.send(t, http.MethodPost, path, operator(t), `{"reason": "by the old plan", "planHash": "`+waiting["planHash"].(string)+`"}`)
	p := a.problem(t, http.StatusConflict, rest.CodePlanChanged)
	require.Equal(t, running["planHash"], p.PlanHash)

	b.exec(t, `DELETE FROM provisioning_logs WHERE step = 'DEPLOY_SOROBAN_CONTRACT'`)
	b.exec(t, `UPDATE operations SET state = 'PENDING', run_id = NULL WHERE id = $1`, o["id"])
	a = b.send(t, http.MethodPost, path, operator(t), `{"reason": "by the plan", "planHash": "`+waiting["planHash"].(string)+`"}`)
	require.Equal(t, http.StatusAccepted, a.status, string(a.body))
	require.Equal(t, "ROLLED_BACK", a.json(t)["state"])
	b.send(t, http.MethodPost, path+"?dryRun=true", operator(t), "").problem(t, http.StatusConflict, rest.CodeActionRefused)
	require.Equal(t, []string{
		"ada@platform create accepted ", "ada@platform rollback refused by the old plan", "ada@platform rollback accepted by the plan",
	}, b.audited(t, "operation_id = $1", o["id"]))
}

// TestWhoMayNotActIsAudited, as is whoever may, under one request id: what was
// refused may be accepted later.
func TestWhoMayNotActIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	path := "/v1/operations/" + o["id"].(string)
	b.send(t, http.MethodPost, path+"/retry", viewer(t), `{"reason": "x"}`).problem(t, http.StatusForbidden, rest.CodeForbidden)
	b.send(t, http.MethodPost, "/v1/operations/"+someID+"/retry", viewer(t), `{"reason": "x"}`).problem(t, http.StatusForbidden, rest.CodeForbidden)
	b.exec(t, `UPDATE operations SET state = 'ROLLING_BACK', run_id = 'r' WHERE id = $1`, o["id"])
	body := `{"reason": "undo", "requestId": "INC-1"}`
	b.send(t, http.MethodPost, path+"/rollback", operator(t), body).problem(t, http.StatusConflict, rest.CodeActionRefused)
	b.exec(t, `UPDATE operations SET state = 'PENDING', run_id = NULL WHERE id = $1`, o["id"])
	require.Equal(t, http.StatusAccepted, b.send(t, http.MethodPost, path+"/rollback", operator(t), body).status)
	require.Equal(t, http.StatusAccepted, b.send(t, http.MethodPost, path+"/rollback", operator(t), body).status)
	require.Equal(t, []string{
		"ada@platform create accepted ", "ada@platform retry refused ",
		"ada@platform rollback refused undo", "ada@platform rollback accepted undo",
	}, b.audited(t, "operation_id = $1", o["id"]))
}

func TestReprovision(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	tenantPath := "/v1/tenants/" + o["tenantId"].(string)
	again := func(key, body string) answer {
		return b.send(t, http.MethodPost, tenantPath+"/reprovision", with(operator(t), "Idempotency-Key", key), body)
	}
	again("k", "").problem(t, http.StatusConflict, rest.CodeActionRefused)
	before := b.get(t, tenantPath).json(t)
	b.send(t, http.MethodPost, "/v1/operations/"+o["id"].(string)+"/rollback", operator(t), `{"reason": "a mistake"}`)

	holder := b.create(t, "CHARITÉ ")
	again("k", "").problem(t, http.StatusConflict, rest.CodeNameTaken)
	b.send(t, http.MethodPost, "/v1/operations/"+holder["id"].(string)+"/rollback", operator(t), `{"reason": "a mistake"}`)

	a := again("k", `{"reason": "provision it again"}`)
	require.Equal(t, http.StatusAccepted, a.status, string(a.body))
	anew := a.json(t)
	require.NotEqual(t, o["id"], anew["id"])
	require.Equal(t, "/v1/operations/"+anew["id"].(string), a.header.Get("Location"))
	require.EqualValues(t, 2, anew["generation"])
	require.Equal(t, "PENDING", anew["state"])
	after := b.get(t, tenantPath).json(t)
	require.Equal(t, "PENDING", after["status"])
	for _, same := range []string{"id", "schemaName", "roleName", "name"} {
		require.Equal(t, before[same], after[same], same)
	}
	require.Nil(t, after["failureReason"])
	require.Equal(t, anew["id"], again("k", `{"reason": "provision it again"}`).json(t)["id"], "a repeated request is done once")
	again("k", `{"reason": "for another reason"}`).problem(t, http.StatusUnprocessableEntity, rest.CodeIdempotencyMismatch)
	again("another", "").problem(t, http.StatusConflict, rest.CodeActionRefused)
	b.send(t, http.MethodPost, "/v1/tenants", with(operator(t), "Idempotency-Key", "k"), request("Other")).
		problem(t, http.StatusUnprocessableEntity, rest.CodeIdempotencyMismatch)
	require.Equal(t, http.StatusAccepted, b.send(t, http.MethodPost, "/v1/tenants", with(operator(t), "Idempotency-Key", "other"), request("Other")).status)
	again("other", "").problem(t, http.StatusUnprocessableEntity, rest.CodeIdempotencyMismatch)
	b.send(t, http.MethodPost, "/v1/tenants/"+someID+"/reprovision", operator(t), "").problem(t, http.StatusNotFound, rest.CodeNotFound)
	for _, path := range []string{tenantPath, "/v1/tenants/" + someID, "/v1/tenants/none"} {
		b.send(t, http.MethodPost, path+"/reprovision", viewer(t), "").problem(t, http.StatusForbidden, rest.CodeForbidden)
	}
	require.Equal(t, []string{
		"ada@platform reprovision refused ", "ada@platform reprovision refused ",
		"ada@platform reprovision accepted provision it again", "ada@platform reprovision refused for another reason", "ada@platform reprovision refused ",
		"ada@platform reprovision refused ", "ada@platform reprovision refused ",
	}, b.audited(t, "tenant_id = $1 AND action = 'reprovision'", o["tenantId"]))
}
