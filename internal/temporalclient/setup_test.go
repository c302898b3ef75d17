package temporalclient_test

import (
	"context"
	"log/slog"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"tenant-provisioning/internal/temporalclient"
)

// connect uses the server that "make test" started.
func connect(t *testing.T, config temporalclient.Config) client.Client {
	t.Helper()
	address := os.Getenv("TEMPORAL_ADDRESS")
	if address == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("TEMPORAL_ADDRESS is not set; run this through make test")
		}
		t.Skip(`needs a Temporal server: run "make test PKG=./internal/temporalclient"`)
	}
	config.Options.HostPort = address
	config.Options.ConnectionOptions.GetSystemInfoTimeout = time.Minute
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	c, err := temporalclient.New(config)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

var tenantID = temporal.NewSearchAttributeKeyKeyword("TenantId")

func namespace(t *testing.T, c client.Client, attributes ...temporal.SearchAttributeKey) temporalclient.Namespace {
	t.Helper()
	n := temporalclient.Namespace{
		Name:       "setup-" + uuid.NewString(),
		Retention:  24 * time.Hour,
		Attributes: attributes,
	}
	require.NoError(t, temporalclient.Setup(t.Context(), c, n))
	return n
}

// TestSetupIsUsableAtOnce starts, in the very next call, a workflow that sets
// an attribute; and again after a second and a concurrent Setup.
func TestSetupIsUsableAtOnce(t *testing.T) {
	t.Parallel()
	admin := connect(t, temporalclient.Config{})
	n := namespace(t, admin, tenantID, temporal.NewSearchAttributeKeyKeyword("FailedStep"))
	c := connect(t, temporalclient.Config{Options: client.Options{Namespace: n.Name}})

	start := func(id string) {
		_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
			ID: id, TaskQueue: "q", TypedSearchAttributes: temporal.NewSearchAttributes(tenantID.ValueSet("t1")),
		}, "anything")
		require.NoError(t, err)
	}
	start("first")

	n.Attributes = append(n.Attributes, temporal.NewSearchAttributeKeyKeyword("FailureClass"))
	var group errgroup.Group
	for range 4 {
		group.Go(func() error { return temporalclient.Setup(t.Context(), admin, n) })
	}
	require.NoError(t, group.Wait())
	start("second")

	listed, err := admin.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: n.Name})
	require.NoError(t, err)
	for _, attribute := range n.Attributes {
		require.Equal(t, enumspb.INDEXED_VALUE_TYPE_KEYWORD, listed.GetCustomAttributes()[attribute.GetName()])
	}
	described, err := admin.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: n.Name})
	require.NoError(t, err)
	require.Equal(t, 24*time.Hour, described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration())
}

func TestSetupRefusesAnAttributeOfAnotherType(t *testing.T) {
	t.Parallel()
	admin := connect(t, temporalclient.Config{})
	n := namespace(t, admin, temporal.NewSearchAttributeKeyInt64("TenantId"))
	n.Attributes = []temporal.SearchAttributeKey{tenantID}
	err := temporalclient.Setup(t.Context(), admin, n)
	require.ErrorContains(t, err, "search attribute TenantId has type Int, expected Keyword")
}

// lagging answers each method as a process of a large server does that has not
// yet heard of the namespace: the first calls fail.
type lagging struct {
	mu    sync.Mutex
	calls map[string]int
}

func (l *lagging) intercept(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	name := path.Base(method)
	l.mu.Lock()
	l.calls[name]++
	early := l.calls[name] <= 2
	l.mu.Unlock()
	switch {
	case early && name == "CountWorkflowExecutions":
		return serviceerror.ToStatus(serviceerror.NewInvalidArgument("no mapping defined for search attribute TenantId")).Err()
	case early && name == "ListSearchAttributes":
		return serviceerror.ToStatus(serviceerror.NewNamespaceNotFound("the new one")).Err()
	}
	return invoke(ctx, method, request, reply, conn, opts...)
}

func TestSetupWaitsForEveryProcessOfTheServer(t *testing.T) {
	t.Parallel()
	server := &lagging{calls: make(map[string]int)}
	c := connect(t, temporalclient.Config{Options: client.Options{ConnectionOptions: client.ConnectionOptions{
		DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(server.intercept)},
	}}})
	namespace(t, c, tenantID)
	for _, call := range []string{"CountWorkflowExecutions", "ListSearchAttributes"} { // the server itself may lag, too
		require.GreaterOrEqual(t, server.calls[call], 3, call)
	}
}

// TestNothingIsStoredInClear looks for what went in, through the whole history
// as the server stores it: input, signal, result, failure.
func TestNothingIsStoredInClear(t *testing.T) {
	t.Parallel()
	const secret = "hospital-of-st-mary"
	n := namespace(t, connect(t, temporalclient.Config{}))
	c := connect(t, temporalclient.Config{
		Options: client.Options{Namespace: n.Name}, Keys: []temporalclient.Key{key("k1", 1)},
	})
	w := worker.New(c, "q", worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, input string) (string, error) {
		var plain, encrypted string
		workflow.GetSignalChannel(ctx, "s").Receive(ctx, &plain)
		workflow.GetSignalChannel(ctx, "s").Receive(ctx, &encrypted)
		return "", temporal.NewApplicationError(strings.Join([]string{input, plain, encrypted}, " "), "t", secret)
	}, workflow.RegisterOptions{Name: "fails"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "w", TaskQueue: "q"}, "fails", secret)
	require.NoError(t, err)
	// As the command line sends it: by a client without keys.
	plain := connect(t, temporalclient.Config{Options: client.Options{Namespace: n.Name}})
	require.NoError(t, plain.SignalWorkflow(t.Context(), "w", "", "s", "from-tctl"))
	require.NoError(t, c.SignalWorkflow(t.Context(), "w", "", "s", secret))

	err = run.Get(t.Context(), nil)
	require.ErrorContains(t, err, secret+" from-tctl "+secret, "the worker and this client read both")

	history := c.GetWorkflowHistory(t.Context(), "w", "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	var last *historypb.HistoryEvent
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(t, err)
		require.NotContains(t, event.String(), secret)
		last = event
	}
	failure := last.GetWorkflowExecutionFailedEventAttributes().GetFailure()
	require.Equal(t, "Encoded failure", failure.GetMessage())
	require.Equal(t, "binary/encrypted", string(failure.GetEncodedAttributes().GetMetadata()[converter.MetadataEncoding]))
}
