package incident_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/incident"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// TestProbersCloseWhatIsBack: several share the rows; what does not answer
// stays open, and does not hold up the other.
func TestProbersCloseWhatIsBack(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	store := postgres.NewIncidents(pool)
	_, err := pool.Exec(t.Context(), `INSERT INTO incidents (dependency, cause, affected) VALUES ('ledger', 'no answer', 12), ('mail', 'no answer', 12)`)
	require.NoError(t, err)

	var asked, back atomic.Int64
	probes := map[tenant.Dependency]incident.Probe{
		tenant.DependencyMail: func(context.Context) error { return nil },
		tenant.DependencyLedger: func(context.Context) error {
			asked.Add(1)
			if back.Load() == 0 {
				return errors.New("no answer")
			}
			return nil
		},
	}
	for range 3 {
		p := incident.New(incident.Config{Store: store, Probes: probes, Interval: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { p.Run(ctx); close(ended) }()
		t.Cleanup(func() { stop(); <-ended })
	}
	open := func() (names []tenant.Dependency) {
		all, err := store.List(t.Context())
		require.NoError(t, err)
		for _, i := range all {
			if i.ClosedAt.IsZero() {
				names = append(names, i.Dependency)
			}
		}
		return names
	}
	require.Eventually(t, func() bool { return asked.Load() > 3 && len(open()) == 1 }, time.Minute, 10*time.Millisecond)
	require.Equal(t, []tenant.Dependency{tenant.DependencyLedger}, open())
	back.Store(1)
	require.Eventually(t, func() bool { return len(open()) == 0 }, time.Minute, 10*time.Millisecond)
}
