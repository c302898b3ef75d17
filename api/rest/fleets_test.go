package rest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

func TestARunOnAllTenantsIsFollowedAndSteered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	lifecycle, _ := tenant.FleetMigrate.Lifecycle()
	id, err := tenant.NewFleetID()
	require.NoError(t, err)
	_, err = postgres.NewFleets(b.pool).Submit(t.Context(), id, tenant.FleetRequest{
		Kind: tenant.FleetMigrate, Settings: lifecycle.Defaults, Params: json.RawMessage(`{"version":2}`), Reason: "ticket 7",
	}, tenant.Caller{Client: "console", Actor: "ada"})
	require.NoError(t, err)
	path := "/v1/fleet-runs/" + string(id)
	events := b.subscribe(t, "/v1/events?after=0", "")

	run := b.get(t, path).json(t)
	require.Equal(t, "PENDING", run["state"])
	require.Equal(t, []any{"pause", "abort"}, run["allowedActions"])
	require.Len(t, b.get(t, "/v1/fleet-runs?kind=migrate&state=PENDING").json(t)["items"], 1)
	require.Empty(t, b.get(t, path+"/items").json(t)["items"])

	b.send(t, http.MethodPost, path+"/resume", operator(t), `{"reason":"ticket 7"}`).problem(t, http.StatusConflict, rest.CodeActionRefused)
	b.send(t, http.MethodPost, path+"/pause", operator(t), `{"reason":""}`).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
	b.send(t, http.MethodPost, path+"/pause", viewer(t), `{"reason":"ticket 7"}`).problem(t, http.StatusForbidden, rest.CodeForbidden)
	for range 2 { // the second finds the first
		paused := b.send(t, http.MethodPost, path+"/pause", with(operator(t), "Idempotency-Key", "k-1"), `{"reason":"ticket 7"}`)
		require.Equal(t, http.StatusAccepted, paused.status, string(paused.body))
		require.Equal(t, "PAUSED", paused.json(t)["state"])
	}
	for _, state := range []tenant.FleetState{tenant.FleetPending, tenant.FleetPaused} {
		e, _ := events.next(t)
		require.Equal(t, "fleet."+strings.ToLower(string(state)), e.Type)
		require.Equal(t, []any{id, tenant.FleetMigrate, state}, []any{e.FleetRunID, e.FleetKind, e.FleetState})
	}
	var audited []string
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT array_agg(action || ' ' || outcome ORDER BY id) FROM audit_log WHERE operation_id = $1 AND action <> 'fleet-migrate'`, string(id)).Scan(&audited))
	require.Equal(t, []string{"fleet-resume refused", "fleet-pause refused", "fleet-pause accepted"}, audited)
	b.get(t, "/v1/fleet-runs/01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11/items").problem(t, http.StatusNotFound, rest.CodeNotFound)
}
