package rest_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/token"
)

// window plans a window, and returns the path of it.
func (b *testBundle) window(t *testing.T, body string) (path string, a answer) {
	t.Helper()
	a = b.send(t, http.MethodPost, "/v1/maintenance-windows", operator(t), body)
	require.Equal(t, http.StatusAccepted, a.status, string(a.body))
	return "/v1/maintenance-windows/" + a.json(t)["id"].(string), a
}

func in(d time.Duration) string {
	return time.Now().UTC().Add(d).Truncate(time.Second).Format(time.RFC3339)
}

// TestAMaintenanceWindowIsSteered through its life, while Temporal is away; each change is
// in the audit log.
func TestAMaintenanceWindowIsSteered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path, a := b.window(t, fmt.Sprintf(`{"startsAt": %q, "minutes": 90, "title": "Patches", "items": ["Security patches"], "mode": "read-only", "reason": "ticket 1"}`, in(48*time.Hour)))
	require.Equal(t, "PLANNED", a.json(t)["state"])
	act := func(action, body string) answer {
		return b.send(t, http.MethodPost, path+"/"+action, operator(t), body)
	}

	moved := in(72 * time.Hour)
	a = act("move", fmt.Sprintf(`{"startsAt": %q, "reason": "ticket 2"}`, moved))
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Equal(t, moved, a.json(t)["startsAt"])
	require.Contains(t, act("end", `{"reason": "too early"}`).problem(t, http.StatusConflict, rest.CodeConflict).Detail, "the window is PLANNED, which allows: start, extend, skip, move, tick")
	require.Equal(t, "RUNNING", act("start", `{"reason": "ticket 3"}`).json(t)["state"])
	require.Equal(t, http.StatusOK, act("extend", `{"minutes": 30, "reason": "ticket 4"}`).status)
	require.Contains(t, act("tick", `{"item": "Dishes", "reason": "x"}`).problem(t, http.StatusConflict, rest.CodeConflict).Detail, `it has "Security patches"`)
	a = act("tick", `{"item": "Security patches", "reason": "ticket 5"}`)
	require.Equal(t, "DONE", a.json(t)["tasks"].([]any)[0].(map[string]any)["state"])
	a = act("end", `{"reason": "ticket 6"}`)
	require.Equal(t, "COMPLETED", a.json(t)["state"])
	require.Equal(t, "ended by ada@platform", a.json(t)["note"])
	require.Empty(t, a.json(t)["allowedActions"])
	act("skip", `{"reason": "late"}`).problem(t, http.StatusConflict, rest.CodeConflict)

	require.Len(t, b.get(t, "/v1/maintenance-windows").json(t)["items"], 1)
	require.Equal(t, "COMPLETED", b.get(t, path).json(t)["state"])
	require.Equal(t, []string{
		"ada@platform maintenance-plan accepted ticket 1", "ada@platform maintenance-move accepted ticket 2", "ada@platform maintenance-end refused ",
		"ada@platform maintenance-start accepted ticket 3", "ada@platform maintenance-extend accepted ticket 4", "ada@platform maintenance-tick refused ",
		"ada@platform maintenance-tick accepted ticket 5", "ada@platform maintenance-end accepted ticket 6", "ada@platform maintenance-skip refused ",
	}, b.audited(t, "$1 <> '' AND detail LIKE '%'", "x"))
}

// TestChangesWaitForAReadOnlyWindow, with its end and Retry-After, and what operators need
// does not.
func TestChangesWaitForAReadOnlyWindow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	active, suspended, left := b.active(t, "Charité"), b.active(t, "Necker"), b.active(t, "Bellevue")
	b.exec(t, `UPDATE tenants SET status = 'SUSPENDED' WHERE id = $1`, suspended)
	path, a := b.window(t, `{"minutes": 60, "title": "Patches", "mode": "read-only", "reason": "ticket 1"}`)
	refused := func(method, path, body string) {
		t.Helper()
		a := b.send(t, method, path, operator(t), body)
		p := a.problem(t, http.StatusServiceUnavailable, rest.CodeMaintenance)
		require.NotNil(t, p.Until)
		require.Contains(t, p.Detail, p.Until.Format(time.RFC3339))
		after, err := strconv.Atoi(a.header.Get("Retry-After"))
		require.NoError(t, err)
		require.InDelta(t, time.Until(*p.Until).Seconds(), after, 60)
	}
	const create = `{"name": "Karolinska", "adminEmail": "x@hospital.example", "adminFirstName": "X", "adminLastName": "Y"}`
	require.Equal(t, "PLANNED", a.json(t)["state"])
	a = b.send(t, http.MethodPost, path+"/start", operator(t), `{"reason": "ticket 2"}`)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Eventually(t, func() bool { // what every change asks is a second old at most
		return b.send(t, http.MethodPatch, "/v1/tenants/"+active, operator(t), `{"adminLastName": "Z"}`).status == http.StatusServiceUnavailable
	}, time.Minute, 50*time.Millisecond)
	refused(http.MethodPost, "/v1/tenants", create)
	refused(http.MethodPatch, "/v1/tenants/"+active, `{"adminLastName": "Hopper"}`)
	refused(http.MethodPost, "/v1/tenants/"+suspended+"/resume", `{"reason": "paid"}`)
	b.send(t, http.MethodPost, "/v1/tenants", as(t, token.RoleViewer), create).problem(t, http.StatusForbidden, rest.CodeForbidden)

	require.Equal(t, http.StatusOK, b.get(t, "/v1/tenants/"+active).status)
	require.Equal(t, http.StatusAccepted, b.send(t, http.MethodPost, "/v1/tenants/"+active+"/suspend", operator(t), `{"reason": "stolen password"}`).status)
	require.Equal(t, http.StatusAccepted, b.send(t, http.MethodDelete, "/v1/tenants/"+suspended+"?reason=closed", operator(t), "").status)
	require.NotEqual(t, http.StatusServiceUnavailable, b.send(t, http.MethodPost, "/v1/tenants/"+left+"/invite", operator(t), `{}`).status)
	require.Equal(t, http.StatusOK, b.send(t, http.MethodPut, "/v1/tenants/"+left+"/legal-hold", as(t, token.RoleAdmin), `{"reason": "case 17"}`).status)
	require.Equal(t, http.StatusOK, b.send(t, http.MethodPost, path+"/extend", operator(t), `{"minutes": 5, "reason": "ticket 3"}`).status)
	require.Equal(t, http.StatusOK, b.send(t, http.MethodPost, path+"/end", operator(t), `{"reason": "ticket 4"}`).status)
	require.Eventually(t, func() bool {
		return b.send(t, http.MethodPost, "/v1/tenants", operator(t), create).status == http.StatusAccepted
	}, time.Minute, 50*time.Millisecond)
}

// TestWhoMayPlanMaintenance: operators, with what it must say; the others' attempts are
// audited.
func TestWhoMayPlanMaintenance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.send(t, http.MethodPost, "/v1/maintenance-windows", as(t, token.RoleViewer), `{"minutes": 60, "title": "Patches", "reason": "x"}`).problem(t, http.StatusForbidden, rest.CodeForbidden)
	require.Len(t, b.audited(t, "outcome = 'refused' AND action = 'maintenance-plan' AND $1 <> ''", "x"), 1)
	for field, body := range map[string]string{
		"body.startsAt": fmt.Sprintf(`{"startsAt": %q, "minutes": 60, "title": "Patches", "reason": "x"}`, in(-time.Hour)),
		"body.title":    `{"minutes": 60, "title": "\n", "reason": "x"}`,
		"body.items":    `{"minutes": 60, "title": "Patches", "items": ["a", "a"], "reason": "x"}`,
		"body.reason":   `{"minutes": 60, "title": "Patches", "reason": " "}`,
	} {
		p := b.send(t, http.MethodPost, "/v1/maintenance-windows", operator(t), body).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
		require.Equal(t, field, p.Errors[0].Location, body)
	}
	b.send(t, http.MethodPost, "/v1/maintenance-windows/01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11/skip", operator(t), `{"reason": "x"}`).problem(t, http.StatusNotFound, rest.CodeNotFound)
	b.send(t, http.MethodPost, "/v1/maintenance-windows/x/skip", operator(t), `{"reason": "x"}`).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
}
