// Package temporaltest gives the tests of a package a namespace of their own
// on the real Temporal server that the embedded stack runs.
package temporaltest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/internal/temporalclient"
	"tenant-provisioning/workflows/runner"
)

const (
	// setupTimeout leaves room for a server that has just started.
	setupTimeout = 3 * time.Minute
	// retention is the shortest that a server takes.
	retention = 24 * time.Hour
)

// Identity is the name of clients and workers in histories: a neutral one,
// since histories are committed.
const Identity = "test"

// Address is where the stack's server listens, from TEMPORAL_ADDRESS. Without
// it the test is skipped, or fails under CI, where a skip would hide
// everything.
func Address(t testing.TB) string {
	t.Helper()
	address := os.Getenv("TEMPORAL_ADDRESS")
	if address == "" {
		const hint = "needs the embedded stack: run it by `make test`, or `bin/devstack up --ephemeral --no-setup -- go test ./...`"
		if os.Getenv("CI") == "true" {
			t.Fatal(hint)
		}
		t.Skip(hint)
	}
	return address
}

// New is a client of the namespace that the tests of this binary share, with
// the search attributes of the product. It is closed when the test ends. Tests
// keep apart by their task queues and workflow ids.
func New(t testing.TB) (client.Client, string) {
	t.Helper()
	address := Address(t)
	name, err := namespace(address)
	require.NoError(t, err)
	c, err := connect(address, name)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, name
}

func connect(address, namespace string) (client.Client, error) {
	return temporalclient.New(temporalclient.Config{
		Options: client.Options{
			HostPort: address, Namespace: namespace,
			ConnectionOptions: client.ConnectionOptions{GetSystemInfoTimeout: setupTimeout},
		},
		Identity: Identity,
		Logger:   slog.New(slog.DiscardHandler),
	})
}

var shared struct {
	sync.Mutex
	name string
}

// namespace registers the binary's namespace when it is first asked for.
func namespace(address string) (string, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.name != "" {
		return shared.name, nil
	}
	name := "test-" + strings.ToLower(rand.Text()[:12])
	c, err := connect(address, name)
	if err != nil {
		return "", err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	if err := temporalclient.Setup(ctx, c, temporalclient.Namespace{
		Name: name, Retention: retention,
		Attributes: []temporal.SearchAttributeKey{
			runner.AttributeTenantID, runner.AttributeOperationState,
			runner.AttributeFailedStep, runner.AttributeFailureClass,
		},
	}); err != nil {
		return "", fmt.Errorf("set up the namespace of the tests: %w", err)
	}
	if err := started(ctx, address, name); err != nil {
		return "", fmt.Errorf("start something in the namespace of the tests: %w", err)
	}
	shared.name = name
	return name, nil
}

// started returns when a run can be started in the namespace: the part of the
// server that keeps runs may be the last to hear of it.
func started(ctx context.Context, address, namespace string) error {
	c, err := connect(address, namespace)
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: "nobody"}, "nothing")
		if err == nil {
			return c.TerminateWorkflow(ctx, run.GetID(), run.GetRunID(), "it could be started")
		}
		if _, unknown := errors.AsType[*serviceerror.NamespaceNotFound](err); !unknown {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}
