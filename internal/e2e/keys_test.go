package e2e

import (
	"encoding/base64"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// payloadKeys are those of an installation that changes its key from k1 to k2.
var (
	oldKey, newKey = payloadKey("k1"), payloadKey("k2")
	onlyOld        = map[string]string{"PAYLOAD_KEYS": oldKey}
	newLast        = map[string]string{"PAYLOAD_KEYS": oldKey + "," + newKey}
	newFirst       = map[string]string{"PAYLOAD_KEYS": newKey + "," + oldKey}
)

func payloadKey(id string) string {
	return id + ":" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(id, 16)))
}

// terminate stops a program as an orchestrator does.
func (p *process) terminate() {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	p.wait()
}

// TestThePayloadKeyIsChangedUnderLoad in the two steps of the operations guide,
// one process after the other, while tenants are provisioned.
func TestThePayloadKeyIsChangedUnderLoad(t *testing.T) {
	t.Parallel()
	i := install(t, onlyOld)
	api := i.startAPI()
	one, other := i.startWorker(), i.startWorker()
	operations := i.createMany()
	for step, keys := range []map[string]string{newLast, newFirst} {
		next := i.with(keys)
		one.terminate()
		one = next.startWorker()
		operations = append(operations, next.create("Between workers "+strconv.Itoa(step)))
		other.terminate()
		other = next.startWorker()
		api.terminate()
		api = next.startAPI()
		operations = append(operations, next.create("After all "+strconv.Itoa(step)))
	}
	for _, o := range operations {
		i.becomesActive(o)
	}
	require.Zero(t, value[int](i, `SELECT count(*) FROM findings`))
	i.requireNoMore()
}

// TestAWorkerWithoutThePayloadKeyEndsNoRun: it takes what it cannot read, an
// action among it. All waits, and the log says for which key.
func TestAWorkerWithoutThePayloadKeyEndsNoRun(t *testing.T) {
	t.Parallel()
	i := install(t, impatient).with(newFirst)
	i.rpc.refuse()
	_, worker := i.start()
	var operations []operation
	for n := range 3 {
		operations = append(operations, i.create("Hospital "+strconv.Itoa(n)))
	}
	for _, o := range operations {
		i.reaches(o.ID, "NEEDS_ATTENTION")
	}
	i.rpc.heal()
	worker.terminate()
	lacking := i.with(onlyOld).startWorker()
	for _, o := range operations {
		i.actUntilAccepted(o.ID, "retry")
	}
	lacking.says("is not in PAYLOAD_KEYS")
	require.Zero(t, value[int](i, `SELECT count(*) FROM operations WHERE state IN ('ROLLING_BACK', 'ROLLED_BACK')`))
	lacking.terminate()
	i.startWorker()
	for _, o := range operations { // so that Temporal does not wait longer and longer before it gives the task out again
		require.NoError(t, i.asksTemporal(func() error { return i.temporal().SignalWorkflow(t.Context(), workflowID(o), "", "wake", nil) }))
	}
	for _, o := range operations {
		i.becomesActive(o)
	}
	i.requireNoMore()
}
