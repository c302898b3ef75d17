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
)

// TestWorkerStopsInOrder asks a worker to stop in the middle of many runs:
// another one goes on with them, at once and not only after a time-out.
func TestWorkerStopsInOrder(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	held := i.rpc.hold(t, "simulateTransaction", beforeSending)
	first := i.startWorker()
	var operations []operation
	for n := range 5 {
		operations = append(operations, i.create(fmt.Sprintf("Hospital %d", n)))
	}
	held.await()
	i.startWorker()
	first.signal(syscall.SIGTERM)
	first.says("stopping")
	operations = append(operations, i.create("Hospital after the stop"))
	held.release()
	require.Zero(t, first.wait(), "it ends well")
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
	answers := make(chan reply, 2)
	ask := func(method, path string, body any) {
		r, err := i.try(time.Minute, method, path, body)
		if err != nil {
			r.body = []byte(err.Error())
		}
		answers <- r
	}
	go ask(http.MethodPost, "/v1/tenants", request("Bethanien"))
	held.await()
	go ask(http.MethodGet, "/v1/operations/"+waiting.ID+"?wait=50s", nil)
	eventually(t, "both requests are there", func() bool { return i.inFlight() == 2 })
	api.signal(syscall.SIGTERM)
	poll := <-answers
	require.Equal(t, http.StatusOK, poll.status, "the long poll is answered at once: %s", poll.body)
	require.Equal(t, "PENDING", read[operation](i, poll).State)
	held.release()
	created := <-answers
	require.Equal(t, http.StatusAccepted, created.status, "%s", created.body)
	require.Zero(t, api.wait(), "it ends well")
	require.Equal(t, 2, value[int](i, `SELECT count(*) FROM tenants`))
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
