package batch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/starter/batch"
	"tenant-provisioning/starter/roster"
)

func outcomes(n int, state func(i int) batch.State) []batch.Outcome {
	rows := make([]batch.Outcome, n)
	for i := range rows {
		rows[i] = batch.Outcome{Row: i + 1, Line: i + 2, Name: fmt.Sprintf("Hospital %d", i+1), State: state(i)}
	}
	return rows
}

func report(t *testing.T, rows []batch.Outcome, waited bool) batch.Report {
	t.Helper()
	results, err := batch.OpenResultFile(filepath.Join(t.TempDir(), "t.csv"), roster.CSV)
	require.NoError(t, err)
	return batch.NewReport("t.csv", results, rows, waited, false)
}

// TestLongReportShowsOnlyWhatNeedsAPerson keeps the answer on one screen.
func TestLongReportShowsOnlyWhatNeedsAPerson(t *testing.T) {
	t.Parallel()
	active := func(int) batch.State { return batch.StateActive }
	text := report(t, outcomes(10_000, active), true).Text()
	require.True(t, strings.HasPrefix(text, "10000 tenants: 10000 ACTIVE\n"), text)

	mixed := func(i int) batch.State {
		if i%100 == 0 {
			return "FAILED"
		}
		return batch.StateActive
	}
	text = report(t, outcomes(10_000, mixed), true).Text()
	require.Contains(t, text, "… and 80 more\n\n10000 tenants: 9900 ACTIVE, 100 FAILED\n")
	require.NotContains(t, text, "ACTIVE  ")

	text = report(t, outcomes(3, active), true).Text()
	require.Contains(t, text, "Hospital 3")
}

func TestPendingIsGoodOnlyForWhoDoesNotWait(t *testing.T) {
	t.Parallel()
	pending := func(int) batch.State { return "PENDING" }
	require.Empty(t, report(t, outcomes(2, pending), false).NotGood())
	require.Len(t, report(t, outcomes(2, pending), true).NotGood(), 2)
	parked := func(int) batch.State { return "NEEDS_ATTENTION" }
	require.Len(t, report(t, outcomes(2, parked), false).NotGood(), 2)
}

// TestResultFileIsReplacedAsAWhole means that a reader never sees half a file,
// and that nothing is left beside it.
func TestResultFileIsReplacedAsAWhole(t *testing.T) {
	t.Parallel()
	for format, name := range map[roster.Format]string{roster.CSV: "t.csv", roster.JSON: "t.json"} {
		dir := t.TempDir()
		results, err := batch.OpenResultFile(filepath.Join(dir, name), format)
		require.NoError(t, err)
		require.Equal(t, "t.result."+string(format), filepath.Base(results.Path))
		for n := range 3 {
			require.NoError(t, results.Save(outcomes(n, func(int) batch.State { return batch.StateActive })))
		}
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.Equal(t, filepath.Base(results.Path), entries[0].Name())
	}
}

func TestResultFileThatCannotBeWrittenIsFoundFirst(t *testing.T) {
	t.Parallel()
	_, err := batch.OpenResultFile(filepath.Join(t.TempDir(), "gone", "t.csv"), roster.CSV)
	require.ErrorContains(t, err, "so nothing was created")
}
