package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
)

// TestWorkerStopsInOrder asks a worker to stop in the middle of some runs: it
// ends or hands back what it has begun, and another one goes on later.
func TestWorkerStopsInOrder(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	held := i.rpc.hold(t, "simulateTransaction", beforeSending)
	first := i.startWorker()
	var operations []operation
	for n := range 3 {
		operations = append(operations, i.create(fmt.Sprintf("Hospital %d", n)))
	}
	held.awaitAll(len(operations))
	first.Signal(syscall.SIGTERM)
	first.says("stopping")
	operations = append(operations, i.create("Hospital after the stop"))
	held.release()
	require.Zero(t, first.wait(), "it ends well")
	require.Zero(t, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE status = 'IN_PROGRESS'`), "attempts that ended with their worker")
	i.startWorker()
	for _, o := range operations {
		i.becomesActive(o)
	}
	i.requireNoMore()
}

// TestAPIStopsInOrder answers the requests that have begun.
func TestAPIStopsInOrder(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	api := i.startAPI()
	waiting := i.create("Charité") // for a worker that does not come
	held := i.holdRow("provisioning_logs", "NEW.step = 'CREATE_TENANT_RECORD'")
	poll := i.ask(http.MethodGet, "/v1/operations/"+waiting.ID+"?wait=50s", nil)
	eventually(t, "the long poll is there", func() bool { return i.inFlight() == 1 })
	asked := time.Now()
	create := i.ask(http.MethodPost, "/v1/tenants", request("Bethanien"))
	held.await()
	api.Signal(syscall.SIGTERM)
	api.says("stopping")
	held.release()
	created := <-create
	took, polled := time.Since(asked), <-poll
	if created.status == http.StatusServiceUnavailable {
		require.Greater(t, took, 4*time.Second, "unless it was held longer than a request may take, it is done: %s", created.body)
	} else {
		require.Equal(t, http.StatusAccepted, created.status, "%s", created.body)
		require.Equal(t, 2, value[int](i, `SELECT count(*) FROM tenants`))
	}
	require.Equal(t, http.StatusOK, polled.status, "the long poll is answered at once: %s", polled.body)
	require.Equal(t, client.StatePending, read[operation](i, polled).State)
	require.Zero(t, api.wait(), "it ends well")
}

// ask makes a request beside the test. An error of the connection is the body.
func (i *installation) ask(method, path string, body any) <-chan reply {
	answer := make(chan reply, 1)
	go func() {
		r, err := i.try(time.Minute, method, path, body)
		if err != nil {
			r.body = []byte(err.Error())
		}
		answer <- r
	}()
	return answer
}

// inFlight is the number of requests that the api is answering, beside the one
// that asks.
func (i *installation) inFlight() int {
	i.t.Helper()
	m := regexp.MustCompile(`(?m)^http_requests_in_flight (\d+)`).FindSubmatch(i.call(http.MethodGet, "/metrics", nil).body)
	require.NotNil(i.t, m)
	n, err := strconv.Atoi(string(m[1]))
	require.NoError(i.t, err)
	return n - 1
}
