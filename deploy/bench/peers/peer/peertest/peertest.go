// Package peertest holds any engine of a peer to what the benchmark takes for granted.
package peertest

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/deploy/bench/peers/peer"
	"tenant-provisioning/deploy/bench/steps"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/temporalclient/temporaltest"
	"tenant-provisioning/internal/tenant"
)

const (
	// patience is how long a run may take, with the pauses before a step is repeated.
	patience = 2 * time.Minute
	glance   = 50 * time.Millisecond
)

// bundle is an engine, and what it has called.
type bundle struct {
	engine peer.Engine
	mu     sync.Mutex
	called map[tenant.OperationID][]string
	// fails is the step that fails the first time.
	fails string
}

// Test runs steps on the real servers, each on a database of its own.
func Test(t *testing.T, open peer.Opening) {
	t.Run("each step once, in their order", func(t *testing.T) {
		t.Parallel()
		b := setup(t, open, "")
		runs := []tenant.Fence{fence(t), fence(t), fence(t)}
		b.succeed(t, runs...)
		for _, f := range runs {
			require.Equal(t, []string{"first", "second", "third"}, b.of(f))
		}
	})
	t.Run("a step that fails is repeated, and none before it", func(t *testing.T) {
		t.Parallel()
		b := setup(t, open, "second")
		f := fence(t)
		b.succeed(t, f)
		require.Equal(t, []string{"first", "second", "second", "third"}, b.of(f))
	})
}

func setup(t *testing.T, open peer.Opening, fails string) *bundle {
	t.Helper()
	_, db := postgrestest.NewWithConfig(t)
	_, namespace := temporaltest.New(t)
	cfg, err := config.Load(config.Options{Dir: t.TempDir(), Environ: []string{
		"NODE_ENV=test", "DB_HOST=" + db.Host, "DB_PORT=" + strconv.Itoa(db.Port), "DB_NAME=" + db.Database, "DB_SSLMODE=" + db.SSLMode,
		"DB_USERNAME=" + db.User, "DB_PASSWORD=" + db.Password,
		"TEMPORAL_ADDRESS=" + temporaltest.Address(t), "TEMPORAL_NAMESPACE=" + namespace,
	}}, config.NeedDB|config.NeedTemporal)
	require.NoError(t, err)
	b := &bundle{called: map[tenant.OperationID][]string{}, fails: fails}
	var all []steps.Step
	for _, name := range []string{"first", "second", "third"} {
		all = append(all, steps.Step{Name: name, Do: func(_ context.Context, f tenant.Fence) error { return b.call(name, f) }})
	}
	b.engine, err = open(t.Context(), peer.Setup{Name: db.Database, Config: cfg, Log: slog.New(slog.DiscardHandler), Steps: all})
	require.NoError(t, err)
	t.Cleanup(b.engine.Close)
	return b
}

// fence is one that no row belongs to: the steps do nothing.
func fence(t *testing.T) tenant.Fence {
	t.Helper()
	id, err := tenant.NewID()
	require.NoError(t, err)
	operation, err := tenant.NewOperationID()
	require.NoError(t, err)
	return tenant.Fence{Operation: operation, Tenant: id, Generation: 1, Run: "test", State: tenant.StateRunning}
}

// succeed has runs done, and waits until the engine has written that they are over.
func (b *bundle) succeed(t *testing.T, runs ...tenant.Fence) {
	t.Helper()
	before, err := b.engine.Succeeded(t.Context())
	require.NoError(t, err)
	for _, f := range runs {
		require.NoError(t, b.engine.Start(t.Context(), f))
	}
	require.Eventually(t, func() bool {
		n, err := b.engine.Succeeded(t.Context())
		return err == nil && n-before >= len(runs)
	}, patience, glance)
}

func (b *bundle) call(name string, f tenant.Fence) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.called[f.Operation]
	b.called[f.Operation] = append(before, name)
	if name == b.fails && before[len(before)-1] != name {
		return errors.New("the first time")
	}
	return nil
}

func (b *bundle) of(f tenant.Fence) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.called[f.Operation]
}
