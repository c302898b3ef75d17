package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/answers"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/redis"
	"tenant-provisioning/internal/redis/redistest"
	"tenant-provisioning/internal/tenant"
)

// remembering is the API of one process with a cache.
type remembering struct {
	*testBundle
	registry *prometheus.Registry
}

// remember makes the APIs of some processes on one database and one Redis, in which
// nothing expires.
func remember(t *testing.T, processes int, changes ...func(*rest.Config)) []remembering {
	t.Helper()
	return rememberIn(t, redistest.StartEmbedded(t), time.Hour, processes, changes...)
}

// rememberIn is remember with a Redis, for as long as maxAge.
func rememberIn(t *testing.T, server *redistest.Server, maxAge time.Duration, processes int, changes ...func(*rest.Config)) []remembering {
	t.Helper()
	pool := postgrestest.New(t)
	all := make([]remembering, processes)
	for i := range all {
		registry := prometheus.NewRegistry()
		limiter, err := redis.NewLimiter(redis.Config{
			Addr: server.Addr, Timeout: time.Minute, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, limiter.Close()) })
		events := postgres.NewEvents(pool)
		cache, err := answers.New(answers.Config{
			Store: redis.NewCache(limiter, events.HashKey), Standing: events.Standing, MaxAge: maxAge, Patience: time.Minute, Registerer: registry,
		})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		var listening sync.WaitGroup
		var ready sync.Once
		heard := make(chan struct{})
		listening.Go(func() {
			postgres.ListenToEvents(ctx, pool, slog.New(slog.DiscardHandler), cache.Heard, func(now bool) {
				cache.Listening(now)
				ready.Do(func() { close(heard) })
			})
		})
		t.Cleanup(listening.Wait)
		t.Cleanup(stop)
		<-heard
		all[i] = remembering{setupOn(t, pool, append(changes, func(c *rest.Config) { c.Answers = cache })...), registry}
	}
	return all
}

// from counts the answers by where they came from.
func (r remembering) from(t *testing.T, source string) int {
	t.Helper()
	families, err := r.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == source {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	return 0
}

// becomesKept asks until the answer is one that was kept.
func (r remembering) becomesKept(t *testing.T, path string) answer {
	t.Helper()
	var a answer
	before := r.from(t, "hit")
	require.Eventually(t, func() bool {
		a = r.get(t, path)
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		return r.from(t, "hit") > before
	}, patience, 5*time.Millisecond, path)
	return a
}

// reads are what may be kept of a tenant.
func reads(o map[string]any) []string {
	return []string{
		"/v1/tenants/" + o["tenantId"].(string), "/v1/tenants/" + o["tenantId"].(string) + "/provisioning", "/v1/operations/" + o["id"].(string),
		"/v1/tenants", "/v1/tenants?status=PENDING&limit=3", "/v1/operations", "/v1/operations?tenantId=" + o["tenantId"].(string),
	}
}

// TestWhatRepeatsIsKept, for all processes, is the same as before, and is given only to
// whoever may see it.
func TestWhatRepeatsIsKept(t *testing.T) {
	t.Parallel()
	p := remember(t, 2)
	o := p[0].create(t, "Charité")
	for _, path := range reads(o) {
		first := p[0].get(t, path)
		again := p[0].becomesKept(t, path)
		elsewhere := p[1].becomesKept(t, path)
		for _, a := range []answer{again, elsewhere} {
			require.Equal(t, string(first.body), string(a.body), path)
			require.Equal(t, first.header.Get("ETag"), a.header.Get("ETag"))
			require.Equal(t, first.header.Get("Retry-After"), a.header.Get("Retry-After"))
			require.Equal(t, "private, no-cache", a.header.Get("Cache-Control"))
			require.NotEqual(t, first.header.Get("X-Request-Id"), a.header.Get("X-Request-Id"))
		}
		p[0].send(t, http.MethodGet, path, nil, "").problem(t, http.StatusUnauthorized, rest.CodeUnauthenticated)
		p[0].send(t, http.MethodGet, path, with(nil, "Authorization", "Bearer "+roleless(t)), "").problem(t, http.StatusForbidden, rest.CodeForbidden)
	}
	before := p[0].from(t, "hit")
	for _, path := range []string{"/v1/operations/" + o["id"].(string) + "?wait=1ms", "/v1/tenants?limit=1&cursor=x"} {
		for range 3 {
			p[0].get(t, path)
		}
	}
	p[0].send(t, http.MethodGet, "/v1/tenants", with(viewer(t), "Cache-Control", "No-Cache"), "")
	require.Equal(t, before, p[0].from(t, "hit"), "not these")
	p[0].get(t, "/v1/tenants/0198f4a0-0000-7000-8000-000000000000").problem(t, http.StatusNotFound, rest.CodeNotFound)
}

// TestNoAnswerIsOlderThanWhatItsReaderKnows: whoever has changed a tenant, at any
// process, reads the change at each, and nobody reads an older one after a newer.
func TestNoAnswerIsOlderThanWhatItsReaderKnows(t *testing.T) {
	t.Parallel()
	p := remember(t, 2)
	const readers, changes = 4, 40
	path := "/v1/tenants/" + p[0].create(t, "Charité")["tenantId"].(string)
	first := func(r remembering) int {
		var v struct{ AdminFirstName string }
		a := r.get(t, path)
		if err := json.Unmarshal(a.body, &v); err != nil {
			t.Error(err)
		}
		n := 0
		_, _ = fmt.Sscanf(v.AdminFirstName, "Ada %d", &n) // "Ada" is 0
		return n
	}
	var done atomic.Bool
	var reading sync.WaitGroup
	for i := range readers {
		reading.Go(func() {
			for last := 0; !done.Load(); {
				now := first(p[i%len(p)])
				if now < last {
					t.Errorf("%d after %d", now, last)
					return
				}
				last = now
			}
		})
	}
	for n := range changes {
		a := p[n%2].send(t, http.MethodPatch, path, operator(t), fmt.Sprintf(`{"adminFirstName": "Ada %d"}`, n+1))
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		for _, r := range p {
			require.GreaterOrEqual(t, first(r), n+1)
		}
	}
	done.Store(true)
	reading.Wait()
	p[1].becomesKept(t, path) // it was of use
}

type keeping = rest.Tenants

// slowTenants reads tenants, and lets the test do something before it answers.
type slowTenants struct {
	keeping
	asked *atomic.Int64
	hook  *atomic.Pointer[func()]
}

func (s slowTenants) Tenant(ctx context.Context, id tenant.ID) (tenant.Tenant, error) {
	found, err := s.keeping.Tenant(ctx, id)
	s.asked.Add(1)
	if hook := s.hook.Load(); hook != nil {
		(*hook)()
	}
	return found, err
}

func slow(asked *atomic.Int64, hook *atomic.Pointer[func()]) func(*rest.Config) {
	return func(c *rest.Config) { c.Tenants = slowTenants{c.Tenants, asked, hook} }
}

// TestAnAnswerThatIsKeptWhileItsSubjectChanges is not given to anybody.
func TestAnAnswerThatIsKeptWhileItsSubjectChanges(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var hook atomic.Pointer[func()]
	p := remember(t, 2, slow(&asked, &hook))
	o := p[0].create(t, "Charité")
	path := "/v1/tenants/" + o["tenantId"].(string)
	change := func() { // by a worker, of which no api knows by itself
		hook.Store(nil)
		p[0].exec(t, `WITH changed AS (UPDATE tenants SET contract_id = 'CNEW', version = version + 1 WHERE id = $1 RETURNING id)
			INSERT INTO events (tenant_id, type) SELECT id, 'tenant.changed' FROM changed`, o["tenantId"])
	}
	hook.Store(&change)
	require.NotContains(t, string(p[0].get(t, path).body), "CNEW", "it was read before")
	for _, r := range p {
		require.Eventually(t, func() bool { return strings.Contains(string(r.get(t, path).body), "CNEW") }, patience, time.Millisecond)
		require.Contains(t, string(r.becomesKept(t, path).body), "CNEW")
	}
}

// TestAStampedeAsksOnce, and those who come while it is answered get that answer.
func TestAStampedeAsksOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var hook atomic.Pointer[func()]
	p := remember(t, 1, slow(&asked, &hook))[0]
	path := "/v1/tenants/" + p.create(t, "Charité")["tenantId"].(string)
	const many = 200
	p.becomesKept(t, path) // and what is heard of it has been heard
	p.exec(t, `INSERT INTO events (tenant_id, type) SELECT id, 'tenant.changed' FROM tenants`)
	held := make(chan struct{})
	hold := func() { <-held }
	hook.Store(&hold)
	require.Eventually(t, func() bool { // until the change is heard, the old one is true
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
		require.NoError(t, err)
		r.Header = viewer(t)
		res, err := p.client.Do(r)
		if err != nil {
			return true
		}
		_ = res.Body.Close()
		return false
	}, patience, time.Millisecond)
	before := asked.Load()
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			if a := p.get(t, path); a.status != http.StatusOK {
				t.Error(a.status, string(a.body))
			}
		})
	}
	p.awaitInFlight(t, many)
	hook.Store(nil)
	close(held)
	all.Wait()
	// One for all, but that an open transaction anywhere on the server may keep an
	// answer from those who came while it was read: they wait for the next.
	require.Less(t, asked.Load()-before, int64(many/4))
}

// TestWhatNobodyTellsOfIsSeenInTime: a person with psql leaves no event.
func TestWhatNobodyTellsOfIsSeenInTime(t *testing.T) {
	t.Parallel()
	p := rememberIn(t, redistest.StartReal(t), 5*time.Second, 1)[0]
	o := p.create(t, "Charité")
	path := "/v1/tenants/" + o["tenantId"].(string)
	p.becomesKept(t, path)
	p.exec(t, `UPDATE tenants SET tier = 'gold'`)
	fresh := p.send(t, http.MethodGet, path, with(viewer(t), "Cache-Control", "no-cache"), "")
	require.Contains(t, string(fresh.body), "gold", "at once to whoever asks for it")
	require.Eventually(t, func() bool { return strings.Contains(string(p.get(t, path).body), "gold") }, patience, 10*time.Millisecond)
}

// TestWhileNothingIsHeardNothingIsKept, and what was kept before counts no more.
func TestWhileNothingIsHeardNothingIsKept(t *testing.T) {
	t.Parallel()
	p := remember(t, 1)[0]
	path := "/v1/tenants/" + p.create(t, "Charité")["tenantId"].(string)
	p.becomesKept(t, path)
	p.exec(t, `UPDATE tenants SET tier = 'gold'`)
	p.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	require.Eventually(t, func() bool { return strings.Contains(string(p.get(t, path).body), "gold") }, patience, time.Millisecond)
	require.Contains(t, string(p.becomesKept(t, path).body), "gold", "it is heard again")
}

// TestIfNoneMatch as RFC 9110 has it, and as proxies make it.
func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	for _, path := range reads(o) {
		tag := b.get(t, path).header.Get("ETag")
		require.Regexp(t, `^"[0-9a-f-]{10,}"$`, tag)
		quick := strings.TrimSuffix(tag, `"`)
		for header, want := range map[string]int{
			tag: 304, "W/" + tag: 304, "*": 304, `"other", W/` + tag: 304, quick + `-gzip"`: 304, `"a,b",` + quick + `--gzip"`: 304,
			`"other"`: 200, "": 200, tag[1:]: 200, `"*"`: 200, quick + `0"`: 200,
		} {
			a := b.send(t, http.MethodGet, path, with(viewer(t), "If-None-Match", header), "")
			require.Equal(t, want, a.status, "%s: %s", path, header)
			require.Equal(t, tag, a.header.Get("ETag"))
			require.Equal(t, want == 304, len(a.body) == 0)
		}
	}
	path := "/v1/tenants/" + o["tenantId"].(string)
	before := b.get(t, path).header.Get("ETag")
	b.exec(t, `UPDATE operations SET state = 'RUNNING'`)
	running := b.get(t, path).header.Get("ETag")
	require.NotEqual(t, before, running, "what is shown of the operation belongs to the answer")
	changed := b.send(t, http.MethodPatch, path, with(operator(t), "If-Match", before), `{"adminFirstName": "Grace"}`)
	require.Equal(t, http.StatusOK, changed.status, "the tenant's version is the same")
	require.Equal(t, http.StatusNotModified, b.send(t, http.MethodGet, path, with(viewer(t), "If-None-Match", changed.header.Get("ETag")), "").status)
	b.send(t, http.MethodPatch, path, with(operator(t), "If-Match", running), `{"adminFirstName": "Ada"}`).
		problem(t, http.StatusPreconditionFailed, rest.CodeVersionMismatch)
}

// TestACursorOfAnotherListing would leave out what nobody has seen.
func TestACursorOfAnotherListing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(t, "Charité")
	b.create(t, "Necker")
	cursor := b.get(t, "/v1/tenants?limit=1&status=PENDING").json(t)["nextCursor"].(string)
	require.Equal(t, http.StatusOK, b.get(t, "/v1/tenants?limit=2&status=PENDING&cursor="+cursor).status)
	for _, path := range []string{"/v1/tenants?cursor=", "/v1/tenants?status=ACTIVE&cursor=", "/v1/tenants?status=PENDING&name=char&cursor=", "/v1/operations?cursor="} {
		p := b.get(t, path+cursor).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
		require.Equal(t, "query.cursor", p.Errors[0].Location)
	}
}
