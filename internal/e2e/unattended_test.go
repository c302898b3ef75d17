package e2e

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNobodyIsThereForLongerThanABudget: the workers are killed in the middle and
// come back later than any step may fail. Nothing has failed, so nothing asks for
// attention, and all goes on where it was.
func TestNobodyIsThereForLongerThanABudget(t *testing.T) {
	t.Parallel()
	const budget = 5 * time.Second
	i := install(t, map[string]string{"STEP_RETRY_BUDGET": budget.String()})
	i.startAPI()
	var operations []operation
	for n := range 6 {
		operations = append(operations, i.create("Hospital "+strconv.Itoa(n)))
	}
	held := i.rpc.hold(t, sendTransaction, true)
	worker := i.startWorker()
	held.await()
	worker.kill()
	gone := time.Now()
	held.release()
	eventually(t, "the budget would have been used up twice", func() bool { return time.Since(gone) > 3*budget })
	require.Zero(t, value[int](i, `SELECT count(*) FROM operations WHERE state NOT IN ('PENDING', 'RUNNING')`))
	i.startWorker()
	for _, o := range operations {
		i.becomesActive(o)
	}
	require.Zero(t, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE error_class = 'exhausted'`))
	i.requireNoMore()
}
