package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/statuspage"
)

// status is what the page says to programs.
func (i *installation) status() statuspage.Report {
	i.t.Helper()
	a := i.insist(http.MethodGet, "/status.json", nil)
	require.Equal(i.t, http.StatusOK, a.status)
	var r statuspage.Report
	require.NoError(i.t, json.Unmarshal(a.body, &r))
	return r
}

// TestTheStatusPageNeedsNoDatabase: while it is away the page says so, also of an api
// that was started meanwhile, and what it knew before.
func TestTheStatusPageNeedsNoDatabase(t *testing.T) {
	t.Parallel()
	i := install(t, map[string]string{"STATUS_FILE": filepath.Join(t.TempDir(), "status.json")})
	database := i.throughGate("DB_HOST", "DB_PORT")
	api, _ := i.start()
	i.becomesActive(i.create("Charité"))
	eventually(t, "everything works", func() bool { return i.status().State == statuspage.Operational })
	database.cut()
	eventually(t, "the page says that something does not", func() bool { return i.status().State == statuspage.Outage })
	answer, err := i.try(promptly, http.MethodGet, "/readyz", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, answer.status)
	api.kill()
	i.startAPI()
	r := i.status()
	require.False(t, r.AsOf.IsZero(), "it knows when all was well")
	require.Equal(t, statuspage.Outage, r.State)
	database.open()
	eventually(t, "everything works again", func() bool { return i.status().State == statuspage.Operational })
	eventually(t, "the outage is history", func() bool {
		return value[int](i, `SELECT count(*) FROM status_changes WHERE component = 'data'`) == 3
	})
}
