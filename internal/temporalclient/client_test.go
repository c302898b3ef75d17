package temporalclient_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/temporalclient"
)

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestNewNeedsNoServer(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	c, err := temporalclient.New(temporalclient.Config{
		Options:    client.Options{HostPort: closedPort(t), Namespace: "n"},
		Keys:       []temporalclient.Key{key("k1", 1)},
		Logger:     slog.New(slog.DiscardHandler),
		Registerer: registry,
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = c.DescribeWorkflowExecution(ctx, "w", "")
	require.Error(t, err, "the first call says that the server is away")
}

func TestNewReportsWrongKeys(t *testing.T) {
	t.Parallel()
	_, err := temporalclient.New(temporalclient.Config{
		Keys: []temporalclient.Key{{ID: "k1"}}, Logger: slog.New(slog.DiscardHandler),
	})
	require.ErrorContains(t, err, `key "k1" has 0 bytes, expected 32`)
}

func TestSetupGivesUpWithTheContext(t *testing.T) {
	t.Parallel()
	c, err := temporalclient.New(temporalclient.Config{
		Options: client.Options{HostPort: closedPort(t)}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err = temporalclient.Setup(ctx, c, temporalclient.Namespace{Name: "n", Retention: 24 * time.Hour})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "register the Temporal namespace n")
}

func TestMetricsOfARealServer(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	c := connect(t, temporalclient.Config{Registerer: registry})
	_, err := c.WorkflowService().ListNamespaces(t.Context(), &workflowservice.ListNamespacesRequest{PageSize: 1})
	require.NoError(t, err)

	families, err := registry.Gather()
	require.NoError(t, err)
	byName := make(map[string]*dto.MetricFamily)
	for _, family := range families {
		byName[family.GetName()] = family
	}
	require.Contains(t, byName, "temporal_request_total")
	require.Contains(t, byName, "temporal_request_latency_seconds")
	buckets := byName["temporal_request_latency_seconds"].GetMetric()[0].GetHistogram().GetBucket()
	require.InDelta(t, 0.002, buckets[0].GetUpperBound(), 1e-9)
	require.NotContains(t, byName, "target_info")
}
