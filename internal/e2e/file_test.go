package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// fileRows is the number of tenants in a file; four of them are in flight.
const fileRows = 12

func (i *installation) tenantsFile() string {
	i.t.Helper()
	var lines strings.Builder
	lines.WriteString("name,adminEmail,adminFirstName,adminLastName\n")
	for n := range fileRows {
		fmt.Fprintf(&lines, "\"Hospital, No. %d\",ada.%d@hospital.example,Ada,Lovelace\n", n, n)
	}
	file := filepath.Join(i.t.TempDir(), "tenants.csv")
	require.NoError(i.t, os.WriteFile(file, []byte(lines.String()), 0o600))
	return file
}

// TestFileIsInterrupted provisions a file that is interrupted twice, in two
// ways, and then goes on where it was.
func TestFileIsInterrupted(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	file := i.tenantsFile()
	provision := func() *process {
		return i.starter("provision", "--file", file, "--concurrency", "4", "--output", "json")
	}
	accepted := func() int { return value[int](i, `SELECT count(*) FROM tenants`) }

	killed := provision() // no worker is there: it waits for the first four
	eventually(t, "the first rows are accepted", func() bool { return accepted() == 4 })
	killed.kill()

	interrupted := provision()
	interrupted.says("No worker has taken") // it has waited for some time
	interrupted.Signal(syscall.SIGINT)
	require.Equal(t, 1, interrupted.wait())
	require.Contains(t, interrupted.stderr.String(), "run the same command again")
	require.Equal(t, 4, accepted(), "the rows of the first run were found again")
	require.Equal(t, map[string]int{"PENDING": 4, "NOT_STARTED": fileRows - 4}, i.results(file))

	i.startAPI()
	i.startWorker()
	whole := provision()
	require.Zero(t, whole.wait(), whole.stderr.String())
	require.Equal(t, map[string]int{"ACTIVE": fileRows}, i.results(file))
	for range 2 { // and once more, for nothing
		var report struct {
			Total       int
			Counts      map[string]int
			Interrupted bool
			Rows        []struct{ OperationID, TenantID string }
		}
		require.NoError(t, json.Unmarshal([]byte(whole.stdout.String()), &report))
		require.Equal(t, map[string]int{"ACTIVE": fileRows}, report.Counts)
		require.False(t, report.Interrupted)
		for _, r := range report.Rows {
			i.becomesActive(operation{ID: r.OperationID, TenantID: r.TenantID})
		}
		whole = provision()
		require.Zero(t, whole.wait(), whole.stderr.String())
	}
	require.Equal(t, fileRows, accepted())
	i.requireNoMore()
}

// results counts the rows of the result file by state.
func (i *installation) results(file string) map[string]int {
	i.t.Helper()
	f, err := os.Open(strings.TrimSuffix(file, ".csv") + ".result.csv")
	require.NoError(i.t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(i.t, err)
	states := map[string]int{}
	for _, row := range rows[1:] {
		require.Equal(i.t, "state", rows[0][4])
		states[row[4]]++
	}
	return states
}
