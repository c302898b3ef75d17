package tracing_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"tenant-provisioning/internal/tracing"
)

// receiver is a collector that holds its answers while it is closed.
type receiver struct {
	*httptest.Server
	open chan struct{}

	mu   sync.Mutex
	got  []*collector.ExportTraceServiceRequest
	keys []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{open: make(chan struct{})}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		<-r.open
		raw, err := io.ReadAll(req.Body)
		if err != nil {
			return // the client has given up
		}
		var in collector.ExportTraceServiceRequest
		if proto.Unmarshal(raw, &in) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got, r.keys = append(r.got, &in), append(r.keys, req.Header.Get("X-Key"))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) spans() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, in := range r.got {
		for _, rs := range in.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				n += len(ss.GetSpans())
			}
		}
	}
	return n
}

// TestTracing is one test, since the provider is the process's.
func TestTracing(t *testing.T) {
	stop, err := tracing.Start(t.Context(), tracing.Config{})
	require.NoError(t, err)
	stop()
	require.Nil(t, tracing.SQL(), "nothing where nothing is sent")
	interceptors, err := tracing.Temporal()
	require.NoError(t, err)
	require.Empty(t, interceptors)

	_, err = tracing.Start(t.Context(), tracing.Config{Endpoint: "http://127.0.0.1:1/v1/traces", Headers: "s3cr3t"})
	require.ErrorContains(t, err, "OTEL_EXPORTER_OTLP_HEADERS")
	require.NotContains(t, err.Error(), "s3cr3t")

	r := newReceiver(t)
	stop, err = tracing.Start(t.Context(), tracing.Config{
		Endpoint: r.URL + "/v1/traces", Headers: "X-Key=a%20b", Service: "tester", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	require.NotNil(t, tracing.SQL())
	interceptors, err = tracing.Temporal()
	require.NoError(t, err)
	require.Len(t, interceptors, 1)

	// The collector hangs: nobody waits, and no more is kept than the bound.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const made = 50_000
	for range made {
		_, span := otel.Tracer("test").Start(ctx, "step")
		span.RecordError(errors.New("to ada@hospital.example"))
		span.SetStatus(codes.Error, "to ada@hospital.example")
		span.End()
	}
	close(r.open)
	require.Eventually(t, func() bool { return r.spans() > 0 }, 2*time.Minute, 10*time.Millisecond)
	stop()
	require.Less(t, r.spans(), 10_000, "what did not fit is gone")
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, in := range r.got {
		require.Equal(t, "a b", r.keys[i])
		require.NotContains(t, in.String(), "ada@", "no words of errors")
		require.Contains(t, in.String(), "exception")
		require.Contains(t, in.String(), "tester")
	}
}

func TestATraceWaitsInARow(t *testing.T) {
	t.Parallel()
	require.Empty(t, tracing.Parent(t.Context()))
	for _, nothing := range []string{"", "nonsense", "00-0-0-00"} {
		require.False(t, trace.SpanContextFromContext(tracing.Continue(t.Context(), nothing)).IsValid())
	}
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx := tracing.Continue(t.Context(), parent)
	require.Equal(t, parent, tracing.Parent(ctx))
	require.True(t, trace.SpanContextFromContext(ctx).IsSampled())
}
