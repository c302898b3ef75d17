package e2e

import (
	"net"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/redis/redistest"
)

// redisFailures are what happens to the server that keeps answers, and its end.
var redisFailures = []struct {
	name        string
	begin, over func(testing.TB, *redistest.Server)
}{
	{"away", func(_ testing.TB, s *redistest.Server) { s.Stop() }, func(_ testing.TB, s *redistest.Server) { s.Start() }},
	{"frozen", func(_ testing.TB, s *redistest.Server) { s.Freeze() }, func(_ testing.TB, s *redistest.Server) { s.Thaw() }},
	{"flushed", func(t testing.TB, s *redistest.Server) { s.Do(t, "FLUSHALL") }, func(testing.TB, *redistest.Server) {}},
	{
		"full", func(t testing.TB, s *redistest.Server) { s.Do(t, "CONFIG", "SET", "maxmemory", "1") },
		func(t testing.TB, s *redistest.Server) { s.Do(t, "CONFIG", "SET", "maxmemory", "0") },
	},
	// What is kept can be read, and nobody can write that it is out of date.
	{
		"read-only", func(t testing.TB, s *redistest.Server) { s.Do(t, "REPLICAOF", host, freePort(t)) },
		func(t testing.TB, s *redistest.Server) { s.Do(t, "REPLICAOF", "NO", "ONE") },
	},
}

// TestAnswersWhileRedisFails: each is right, at both processes, and none fails.
func TestAnswersWhileRedisFails(t *testing.T) {
	t.Parallel()
	server := redistest.StartReal(t, "--maxmemory-policy", "noeviction")
	_, port, err := net.SplitHostPort(server.Addr)
	require.NoError(t, err)
	i := install(t, map[string]string{"REDIS_HOST": host, "REDIS_PORT": port, "RATE_LIMIT_REQUESTS": "100000"})
	i.start()
	other := i.startSecondAPI()
	id := i.becomesActive(i.create("Charité")).ID
	for _, f := range redisFailures {
		t.Log(f.name)
		i.isKept(id)
		other.isKept(id)
		f.begin(t, server)
		i.answersRight(other, id)
		f.over(t, server)
		i.answersRight(other, id) // there may be entries of before
	}
}

// TestAChangeIsReadAtAnotherProcessAtOnce, although that one does not hear of it from
// the database.
func TestAChangeIsReadAtAnotherProcessAtOnce(t *testing.T) {
	t.Parallel()
	i := install(t, map[string]string{"RATE_LIMIT_REQUESTS": "100000"})
	i.startAPI()
	through, beside := i, i.startSecondAPI()
	id := i.create("Charité").TenantID
	i.execute(`ALTER TABLE events DISABLE TRIGGER events_announce`)
	const changes = 5
	seen := 0
	eventually(t, "Redis could be told of some changes", func() bool {
		through.isKept(id)
		beside.isKept(id)
		before := through.redisCounts() + beside.redisCounts()
		through.change(id) // and nobody reads it before the other process
		got := beside.answers(id)
		if before == through.redisCounts()+beside.redisCounts() { // it did not fail on the way, on a busy machine
			require.Equal(t, i.stored(id), got, "an older answer follows the change")
			seen++
		}
		through, beside = beside, through
		return seen == changes
	})
}

// startSecondAPI starts another process of the api; it is asked by what is returned.
func (i *installation) startSecondAPI() *installation {
	i.t.Helper()
	port := freePort(i.t)
	other := i.with(map[string]string{"APP_PORT": strconv.Itoa(port)})
	other.url = "http://" + address(port)
	other.startAPI()
	return other
}

// change changes a tenant.
func (i *installation) change(id string) {
	i.t.Helper()
	name := "Ada " + strconv.Itoa(value[int](i, `SELECT version FROM tenants WHERE id = $1`, id))
	r := i.call(http.MethodPatch, "/v1/tenants/"+id, map[string]string{"adminFirstName": name})
	require.Equal(i.t, http.StatusOK, r.status, "%s", r.body)
}

// answersRight changes a tenant through either of two processes, and has a worker
// change it. The other process may hear of it a moment later while Redis fails.
func (i *installation) answersRight(other *installation, id string) {
	i.t.Helper()
	both := []*installation{i, other}
	for n := range 4 {
		both[n%2].change(id)
		require.Equal(i.t, i.stored(id), both[n%2].answers(id), "an older answer follows the change")
		both[1-n%2].comesToAnswer(id)
	}
	for n, u := range turns[:2] {
		i.reaches(u.ask(both[n], id).ID, "SUCCEEDED")
		for _, api := range both {
			api.comesToAnswer(id)
		}
	}
}

func (i *installation) comesToAnswer(id string) {
	i.t.Helper()
	eventually(i.t, i.url+" answers what is stored", func() bool {
		got, want := i.answers(id), i.stored(id)
		return got[0] == want[0] && got[1] == want[1]
	})
}
