package observe_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/tenant"
)

var (
	quiet   = slog.New(slog.DiscardHandler)
	errAway = errors.New("away")
)

func page(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	w := httptest.NewRecorder()
	observe.Page(registry).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	return w.Body.String()
}

func never[T any](ctx context.Context) (T, error) {
	<-ctx.Done()
	var none T
	return none, ctx.Err()
}

// TestWhatIsAwayIsMissingAndNothingElse: systems that hang hold a scrape up for less
// than three seconds, all together, and what the process knows itself is there.
func TestWhatIsAwayIsMissingAndNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		registry := observe.New()
		registry.MustRegister(
			observe.Installation(never[tenant.Overview], quiet), observe.Tenants(never[map[tenant.Status]int], quiet), observe.Database(never[observe.DatabaseServer], quiet),
			observe.Redis(never[observe.RedisServer], quiet), observe.Accounts(never[observe.Balances], quiet),
			observe.Lives(never[tenant.Lives], quiet), observe.Purses(never[observe.Purse], quiet),
		)
		observe.NewHTTP(registry).InFlight.Set(7)
		began := time.Now()
		text := page(t, registry)
		require.Less(t, time.Since(began), 3*time.Second)
		require.Contains(t, text, "http_requests_in_flight 7")
		require.Contains(t, text, "go_goroutines")
		for _, name := range []string{"active_tenants", "provisioning_queue_depth", "pg_connections_active", "redis_connected_clients", "ledger_balance_xlm", "ledger_code_days_left"} {
			require.NotContains(t, text, "\n"+name)
		}
	})
}

// TestAFloodOfScrapesAsksOnce in five seconds, and what was answered before an error is
// not told after it.
func TestAFloodOfScrapesAsksOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		var err error
		c := observe.Installation(func(context.Context) (tenant.Overview, error) {
			asked++
			return tenant.Overview{}, err
		}, quiet)
		for range 100 {
			require.Equal(t, 1, testutil.CollectAndCount(c, "provisioning_queue_depth"))
		}
		require.Equal(t, 1, asked)
		err = errAway
		time.Sleep(5 * time.Second) //nolint:forbidigo // of a clock that is not real
		require.Zero(t, testutil.CollectAndCount(c))
		require.Equal(t, 2, asked)
	})
}

// TestCardinalityIsBounded: whatever the rows hold, the series are those of the
// domain's own sets, and no label is of a tenant.
func TestCardinalityIsBounded(t *testing.T) {
	t.Parallel()
	var o tenant.Overview
	o.Incidents, o.Findings = map[tenant.Dependency]int{}, map[tenant.FindingKind]int{}
	steps := map[tenant.Step]bool{}
	for _, l := range tenant.Lifecycles() {
		for _, stage := range l.Stages {
			for _, step := range stage.Covers {
				steps[step] = true
				for _, s := range tenant.States() {
					for _, c := range tenant.FailureClasses() {
						o.Open = append(o.Open, tenant.OpenOperations{Kind: l.Kind, State: s, Step: step, Class: c, Count: 1})
					}
				}
			}
		}
	}
	o.Open = append(o.Open,
		tenant.OpenOperations{Kind: "t-4711", State: tenant.StateNeedsAttention, Step: "lakeside-clinic", Class: "4711", Count: 1},
		tenant.OpenOperations{Kind: "t-4712", State: "4712", Count: 1})
	for _, i := range tenant.Invariants() {
		o.Findings[i.Kind] = 1
	}
	o.Findings["lakeside-clinic"] = 1
	registry := prometheus.NewRegistry()
	registry.MustRegister(observe.Installation(func(context.Context) (tenant.Overview, error) { return o, nil }, quiet))
	families, err := registry.Gather()
	require.NoError(t, err)
	series := 0
	for _, f := range families {
		series += len(f.GetMetric())
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				require.NotContains(t, l.GetValue(), "4711")
				require.NotContains(t, l.GetValue(), "4712")
				require.NotContains(t, l.GetValue(), "lakeside")
			}
		}
	}
	parked := 2*(len(steps)+1)*len(tenant.FailureClasses()) + 1
	require.LessOrEqual(t, series, parked+len(o.Findings)+len(tenant.Kinds())*5+40)
}

// TestProvisioningsAreCountedByTheirEnd, and their times once they have been read.
func TestProvisioningsAreCountedByTheirEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		p := observe.NewProvisioning(registry, func(_ context.Context, id tenant.OperationID) (observe.Timing, error) {
			if id == "lost" {
				return observe.Timing{}, errAway
			}
			return observe.Timing{
				Steps: map[tenant.Step]time.Duration{tenant.StepCreateSchema: 20 * time.Millisecond}, ToActive: 70 * time.Second, Ledger: 30 * time.Second,
			}, nil
		}, quiet)
		ctx, stop := context.WithCancel(t.Context())
		go p.Run(ctx)
		p.Active("one")
		p.Ended("one", tenant.StateSucceeded)
		p.Ended("two", tenant.StateRolledBack)
		p.Ended("lost", tenant.StateRolledBack)
		p.GaveWay()
		synctest.Wait()
		stop()
		text := page(t, registry)
		require.Contains(t, text, `provisioning_jobs_total{status="success"} 2`)
		require.Contains(t, text, `provisioning_jobs_total{status="failure"} 2`)
		require.Contains(t, text, `provisioning_duration_seconds_count{step="CREATE_SCHEMA"} 2`)
		require.Contains(t, text, `provisioning_active_seconds_bucket{le="30"} 0`)
		require.Contains(t, text, `provisioning_active_seconds_bucket{le="45"} 1`, "without the ledger's time")
	})
}

// TestLagGrowsWhileReplayStands, whatever the server says of its last replay.
func TestLagGrowsWhileReplayStands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		replayed := int64(1000)
		server := observe.DatabaseServer{WALPosition: 1000, Replayed: &replayed}
		registry := prometheus.NewRegistry()
		registry.MustRegister(observe.Database(func(context.Context) (observe.DatabaseServer, error) { return server, nil }, quiet))
		lag := func() float64 {
			time.Sleep(10 * time.Second) //nolint:forbidigo // of a clock that is not real
			families, err := registry.Gather()
			require.NoError(t, err)
			for _, f := range families {
				if f.GetName() == "pg_replication_lag" {
					return f.GetMetric()[0].GetGauge().GetValue()
				}
			}
			return -1
		}
		require.Zero(t, lag())
		server.WALPosition = 2000
		require.Zero(t, lag(), "it may just have been written")
		require.InDelta(t, 10, lag(), 0.1)
		server.WALPosition = 3000
		require.InDelta(t, 20, lag(), 0.1)
		replayed = 2500
		require.InDelta(t, 10, lag(), 0.1, "since the third was written")
		replayed = 3000
		require.Zero(t, lag())
		server.Replayed = nil
		require.InDelta(t, -1, lag(), 0, "missing where it cannot be seen")
	})
}

// TestCertificatesAreSeenAtConnections.
func TestCertificatesAreSeenAtConnections(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	registry := prometheus.NewRegistry()
	client := server.Client()
	client.Transport.(*http.Transport).TLSClientConfig.VerifyConnection = observe.NewCertificates(registry).Of("ledger")
	require.NotContains(t, page(t, registry), "tls_certificate")
	r, err := client.Get(server.URL)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	families, err := registry.Gather()
	require.NoError(t, err)
	require.InDelta(t, float64(server.Certificate().NotAfter.Unix()), families[0].GetMetric()[0].GetGauge().GetValue(), 0)
}
