package temporalclient_test

import (
	"context"
	"errors"
	"path"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"

	"tenant-provisioning/internal/temporalclient"
)

// guarded keeps what is for operators from its clients, as a managed server does.
func guarded(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if path.Base(method) == "ListSearchAttributes" {
		return serviceerror.ToStatus(serviceerror.NewPermissionDenied("not yours", "")).Err()
	}
	return invoke(ctx, method, request, reply, conn, opts...)
}

// TestVerifySaysWhatIsMissing and how to mend it, on a server that tells
// everything and on one that keeps what is for operators to itself; and nothing
// once Setup has run.
func TestVerifySaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	admin := connect(t, temporalclient.Config{})
	for name, dial := range map[string][]grpc.DialOption{
		"told": nil, "withheld": {grpc.WithChainUnaryInterceptor(guarded)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := connect(t, temporalclient.Config{Options: client.Options{ConnectionOptions: client.ConnectionOptions{DialOptions: dial}}})
			missing := func(n temporalclient.Namespace) string {
				var lacks *temporalclient.MissingError
				require.Eventually(t, func() bool { // a server that is busy may not answer in time
					asking, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()
					return errors.As(temporalclient.Verify(asking, c, n), &lacks)
				}, time.Minute, 100*time.Millisecond)
				return lacks.Error()
			}
			n := temporalclient.Namespace{Name: "verify-" + uuid.NewString(), Retention: 24 * time.Hour, Attributes: []temporal.SearchAttributeKey{tenantID}}
			said := missing(n)
			require.Contains(t, said, n.Name+" is not there")
			require.Contains(t, said, "starter setup")

			bare := n
			bare.Attributes = []temporal.SearchAttributeKey{temporal.NewSearchAttributeKeyKeyword("Other")}
			require.NoError(t, temporalclient.Setup(t.Context(), admin, bare))
			said = missing(n)
			require.Contains(t, said, "TenantId")
			require.Contains(t, said, "starter setup")

			require.NoError(t, temporalclient.Setup(t.Context(), admin, n))
			require.Eventually(t, func() bool { return temporalclient.Verify(t.Context(), c, n) == nil }, time.Minute, 100*time.Millisecond)
		})
	}
}

func TestVerifySaysThatATypeIsWrong(t *testing.T) {
	t.Parallel()
	c := connect(t, temporalclient.Config{})
	n := namespace(t, c, temporal.NewSearchAttributeKeyInt64("TenantId"))
	n.Attributes = []temporal.SearchAttributeKey{tenantID}
	err := temporalclient.Verify(t.Context(), c, n)
	require.ErrorContains(t, err, "search attribute TenantId has type Int, expected Keyword")
	require.ErrorContains(t, err, "starter setup")
}

// TestVerifyOfAServerThatIsAway says that, and not that anything is missing.
func TestVerifyOfAServerThatIsAway(t *testing.T) {
	t.Parallel()
	connect(t, temporalclient.Config{}) // skips where there is no stack
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:9"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	asking, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err = temporalclient.Verify(asking, c, temporalclient.Namespace{Name: "n"})
	require.Error(t, err)
	var lacks *temporalclient.MissingError
	require.NotErrorAs(t, err, &lacks)
}

// TestPollsAreKnown of a queue that is polled, by what the server has answered,
// and of no other.
func TestPollsAreKnown(t *testing.T) {
	t.Parallel()
	n := namespace(t, connect(t, temporalclient.Config{}))
	polls := &temporalclient.Polls{}
	c := connect(t, temporalclient.Config{Options: client.Options{
		Namespace: n.Name, ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{polls.Intercept()}},
	}})
	require.Empty(t, polls.Queues())
	w := worker.New(c, "polled", worker.Options{})
	w.RegisterActivityWithOptions(func() error { return nil }, activity.RegisterOptions{Name: "anything"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	require.Eventually(t, func() bool { return len(polls.Queues()) == 1 }, 3*time.Minute, 100*time.Millisecond, "an empty poll is answered after a minute")
	require.Equal(t, []string{"polled"}, polls.Queues())
}
