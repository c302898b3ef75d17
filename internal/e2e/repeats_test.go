package e2e

import (
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
)

// atOnce makes the same number of requests at a time as it has answers for.
func (i *installation) atOnce(n int, request func() reply) []reply {
	replies := make([]reply, n)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for k := range replies {
		all.Go(func() {
			<-begin
			replies[k] = request()
		})
	}
	close(begin)
	all.Wait()
	return replies
}

func TestOneOfTwentyGetsTheName(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	body := request("Charité")
	statuses := map[int]int{}
	var winner operation
	for _, r := range i.atOnce(20, func() reply {
		return i.insist(http.MethodPost, "/v1/tenants", body, "Idempotency-Key", uuid.NewString())
	}) {
		statuses[r.status]++
		switch r.status {
		case http.StatusAccepted:
			winner = i.accepted(r)
		case http.StatusConflict:
			require.Equal(t, client.CodeNameTaken, read[problem](i, r).Code)
		}
	}
	require.Equal(t, map[int]int{http.StatusAccepted: 1, http.StatusConflict: 19}, statuses)
	i.becomesActive(winner)
	r := i.insist(http.MethodPost, "/v1/tenants", request(" CHARITÉ "))
	require.Equal(t, http.StatusConflict, r.status, "an active tenant has its name, however it is written")
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM tenants`))
	i.requireNoMore()
}

// TestRepeatedRequestIsOne repeats a request at the same time, and after the
// api was killed in the middle of answering.
func TestRepeatedRequestIsOne(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	api, _ := i.start()
	body, key := request("Charité"), uuid.NewString()
	post := func() reply {
		return i.insist(http.MethodPost, "/v1/tenants", body, "Idempotency-Key", key)
	}
	first := i.accepted(post())
	for _, r := range i.atOnce(50, post) {
		require.Equal(t, first.ID, i.accepted(r).ID)
	}

	// The request is committed, and nobody hears of it.
	second, secondKey := request("Bethanien"), uuid.NewString()
	held := i.holdRow("provisioning_logs", "NEW.step = 'CREATE_TENANT_RECORD'")
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for api.Running() {
				_, _ = i.try(promptly, http.MethodPost, "/v1/tenants", second, "Idempotency-Key", secondKey) // the api is killed meanwhile
			}
		})
	}
	held.await()
	api.kill()
	held.release()
	all.Wait()
	i.startAPI()
	replies := i.atOnce(50, func() reply {
		return i.insist(http.MethodPost, "/v1/tenants", second, "Idempotency-Key", secondKey)
	})
	repeated := i.accepted(replies[0])
	for _, r := range replies {
		require.Equal(t, repeated.ID, i.accepted(r).ID)
	}
	require.Equal(t, first.ID, i.accepted(post()).ID, "also after a restart")
	i.becomesActive(first)
	i.becomesActive(repeated)
	require.Equal(t, 2, value[int](i, `SELECT count(*) FROM tenants`))
	require.Equal(t, 2, value[int](i, `SELECT count(*) FROM operations`))
	i.requireNoMore()

	other := request("Charité Mitte")
	r := i.insist(http.MethodPost, "/v1/tenants", other, "Idempotency-Key", key)
	require.Equal(t, http.StatusUnprocessableEntity, r.status, "the key of another request: %s", r.body)
}
