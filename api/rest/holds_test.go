package rest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// TestALegalHoldKeepsATenant from being purged, until it is lifted.
func TestALegalHoldKeepsATenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	path := "/v1/tenants/" + id
	admin := as(t, token.RoleAdmin)
	hold := func(reason string) answer {
		return b.send(t, http.MethodPut, path+"/legal-hold", admin, `{"reason": "`+reason+`"}`)
	}
	before := b.get(t, path)
	require.NotContains(t, before.json(t), "legalHold")
	a := hold("case 17")
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.NotEqual(t, before.header.Get("ETag"), a.header.Get("ETag"))
	set := a.json(t)["legalHold"].(map[string]any)
	require.Equal(t, "ada@platform", set["setBy"])
	require.Equal(t, "case 17", set["reason"])
	require.Equal(t, "case 18", hold("case 18").json(t)["legalHold"].(map[string]any)["reason"])

	require.Equal(t, http.StatusAccepted, b.send(t, http.MethodDelete, path+"?reason=closed", operator(t), "").status, "a hold keeps data, not access")
	b.settle(t, id)
	p := b.send(t, http.MethodPost, path+"/purge", admin, `{"reason": "they asked"}`).problem(t, http.StatusConflict, rest.CodeActionRefused)
	require.Regexp(t, `a legal hold that ada@platform has set on \d{4}-\d\d-\d\d keeps it`, p.Detail)
	require.Equal(t, []tenant.Action{"undelete"}, p.Allowed)

	for range 2 { // the second finds nothing to lift
		a = b.send(t, http.MethodDelete, path+"/legal-hold?reason=closed", admin, "")
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		require.NotContains(t, a.json(t), "legalHold")
	}
	require.Equal(t, http.StatusAccepted, b.send(t, http.MethodPost, path+"/purge", admin, `{"reason": "they asked"}`).status)
	require.Equal(t, http.StatusOK, hold("in time").status, "no run has begun it")

	b.exec(t, `UPDATE operations SET state = 'RUNNING', run_id = 'r', pivot_passed = true WHERE tenant_id = $1 AND state = 'PENDING'`, id)
	hold("late").problem(t, http.StatusConflict, rest.CodeConflict)
	p = b.send(t, http.MethodPatch, path, operator(t), `{"adminLastName": "Hopper"}`).problem(t, http.StatusConflict, rest.CodeConflict)
	require.Contains(t, p.Detail, "The tenant is being purged")
	require.Equal(t, []string{
		"ada@platform set-legal-hold accepted case 17", "ada@platform set-legal-hold accepted case 18", "ada@platform purge refused they asked",
		"ada@platform lift-legal-hold accepted closed", "ada@platform lift-legal-hold accepted closed", "ada@platform purge accepted they asked",
		"ada@platform set-legal-hold accepted in time", "ada@platform set-legal-hold refused late", "ada@platform change-administrator refused ",
	}, b.audited(t, "tenant_id = $1 AND action NOT IN ('create', 'archive')", id))
}

// TestWhoMaySetALegalHold: administrators, who say why.
func TestWhoMaySetALegalHold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	path := "/v1/tenants/" + id + "/legal-hold"
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		b.send(t, method, path, operator(t), `{"reason": "x"}`).problem(t, http.StatusForbidden, rest.CodeForbidden)
		b.send(t, method, path, as(t, token.RoleAdmin), `{"reason": " "}`).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
		b.send(t, method, "/v1/tenants/"+someID+"/legal-hold", as(t, token.RoleAdmin), `{"reason": "x"}`).problem(t, http.StatusNotFound, rest.CodeNotFound)
	}
	require.Equal(t, []string{"ada@platform set-legal-hold refused ", "ada@platform lift-legal-hold refused "}, b.audited(t, "action LIKE '%legal-hold'"))
}

// TestADeletedTenantChangesNoMore: neither its administrator, who is erased, nor
// anything else.
func TestADeletedTenantChangesNoMore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.active(t, "Charité")
	path := "/v1/tenants/" + id
	b.send(t, http.MethodDelete, path+"?reason=closed", operator(t), "")
	b.settle(t, id)
	b.send(t, http.MethodPost, path+"/purge", as(t, token.RoleAdmin), `{"reason": "they asked"}`)
	b.settle(t, id)
	shown := b.get(t, path).json(t)
	require.Equal(t, "DELETED", shown["status"])
	for _, erased := range []string{"adminEmail", "adminFirstName", "adminLastName", "purgeAfter"} {
		require.NotContains(t, shown, erased)
	}
	b.send(t, http.MethodPatch, path, operator(t), `{"adminLastName": "Hopper"}`).problem(t, http.StatusConflict, rest.CodeConflict)
	b.send(t, http.MethodPut, path+"/legal-hold", as(t, token.RoleAdmin), `{"reason": "x"}`).problem(t, http.StatusConflict, rest.CodeConflict)
}

// TestADeleteOfAFailedTenantPurges it: nobody ever worked with it, so nothing has to
// be kept. A repetition gets the same operation, also when that has ended.
func TestADeleteOfAFailedTenantPurges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	id := o["tenantId"].(string)
	b.send(t, http.MethodPost, "/v1/operations/"+o["id"].(string)+"/rollback", operator(t), `{"reason": "a typo"}`)
	require.Equal(t, "FAILED", b.get(t, "/v1/tenants/"+id).json(t)["status"])
	remove := func() map[string]any {
		a := b.send(t, http.MethodDelete, "/v1/tenants/"+id, with(operator(t), "Idempotency-Key", "d"), `{"reason": "a typo"}`)
		require.Equal(t, http.StatusAccepted, a.status, string(a.body))
		return a.json(t)
	}
	accepted := remove()
	require.EqualValues(t, tenant.KindPurge, accepted["kind"])
	b.settle(t, id)
	require.Equal(t, accepted["id"], remove()["id"])
}
