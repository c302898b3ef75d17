package rest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// TestCapacityIsRead by operators: what nobody has read, what there is room of, what
// grows, and what provisioning waits for.
func TestCapacityIsRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	read := func() map[tenant.Resource]map[string]any {
		got := b.send(t, http.MethodGet, "/v1/capacity", operator(t), "")
		require.Equal(t, http.StatusOK, got.status, "%s", got.body)
		var body struct{ Items []map[string]any }
		require.NoError(t, json.Unmarshal(got.body, &body))
		require.Len(t, body.Items, len(tenant.Resources()))
		all := map[tenant.Resource]map[string]any{}
		for n, i := range body.Items {
			require.EqualValues(t, tenant.Resources()[n], i["resource"])
			all[tenant.Resource(i["resource"].(string))] = i
		}
		return all
	}
	for r, of := range read() {
		require.Equal(t, map[string]any{"resource": string(r), "used": 0.0, "stale": true}, of)
	}

	bound, busy := int64(1000), int64(100)
	_, err := postgres.NewCapacities(b.pool).Save(t.Context(), []tenant.CapacityReading{
		{Resource: tenant.ResourceDisk, Used: 950, Bound: &bound}, {Resource: tenant.ResourceConnections, Used: 40, Bound: &busy}, {Resource: tenant.ResourceLocks, Used: 7},
	})
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `INSERT INTO capacity_readings (resource, read_at, used, bound) VALUES ('connections', now() - interval '2 days', 30, 100)`)
	require.NoError(t, err)
	all := read()
	disk, connections, locks := all[tenant.ResourceDisk], all[tenant.ResourceConnections], all[tenant.ResourceLocks]
	require.Equal(t, []any{950.0, 1000.0, 50.0, false}, []any{disk["used"], disk["bound"], disk["left"], disk["stale"]})
	require.NotEmpty(t, disk["waitsSince"])
	require.Contains(t, disk["why"], "(DB_DISK_BYTES)")
	require.NotContains(t, disk, "daysLeft", "the readings are of less than a day")
	require.InDelta(t, 5, connections["perDay"], .1)
	require.InDelta(t, 11, connections["daysLeft"], .5, "until five are left, which stay free")
	require.NotContains(t, connections, "waitsSince")
	require.NotEmpty(t, connections["readAt"])
	require.NotContains(t, locks, "left", "nobody has said how many there can be")
	b.send(t, http.MethodGet, "/v1/capacity", viewer(t), "").problem(t, http.StatusForbidden, rest.CodeForbidden)
}
