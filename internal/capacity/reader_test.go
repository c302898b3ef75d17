package capacity_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/capacity"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// sink is a log that may be read meanwhile.
type sink struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *sink) count(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Count(s.text.Bytes(), []byte(text))
}

// TestReadersShareTheRows: of three one reads when it is due; what cannot be read keeps
// the rest from nothing, and stays as it was. What begins and ends is told once.
func TestReadersShareTheRows(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	store := postgres.NewCapacities(pool)
	var disk, asked atomic.Int64
	var away atomic.Bool
	disk.Store(95)
	var said sink
	measure := func(r tenant.Resource, used func() (int64, error)) capacity.Measure {
		return func(context.Context) ([]tenant.CapacityReading, error) {
			n, err := used()
			if err != nil {
				return nil, err
			}
			bound := int64(100)
			return []tenant.CapacityReading{{Resource: r, Used: n, Bound: &bound}}, nil
		}
	}
	measures := []capacity.Measure{
		measure(tenant.ResourceDisk, func() (int64, error) { asked.Add(1); return disk.Load(), nil }),
		measure(tenant.ResourceBalance, func() (int64, error) {
			if away.Load() {
				return 0, errors.New("the ledger does not answer")
			}
			return 101, nil
		}),
	}
	for range 3 {
		r := capacity.New(capacity.Config{Store: store, Measures: measures, Poll: 10 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&said, nil))})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { r.Run(ctx); close(ended) }()
		t.Cleanup(func() { stop(); <-ended })
	}
	short := func() (names []tenant.Resource) {
		all, err := store.Short(t.Context())
		require.NoError(t, err)
		for _, s := range all {
			names = append(names, s.Resource)
		}
		return names
	}
	saved := func() (n int) {
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM capacity_readings WHERE resource = $1`, tenant.ResourceDisk).Scan(&n))
		return n
	}
	again := func() { // until it is saved, which says when the next is due
		before := saved()
		_, err := pool.Exec(t.Context(), `UPDATE capacity SET read_after = now()`)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return saved() > before }, time.Minute, 10*time.Millisecond)
	}
	require.Eventually(t, func() bool { return len(short()) == 2 }, time.Minute, 10*time.Millisecond)
	require.EqualValues(t, 1, asked.Load(), "one of them")
	away.Store(true)
	again()
	disk.Store(50)
	again()
	require.Eventually(t, func() bool { return len(short()) == 1 }, time.Minute, 10*time.Millisecond)
	require.Equal(t, []tenant.Resource{tenant.ResourceBalance}, short(), "nobody knows better")
	require.Equal(t, 2, said.count("CAPACITY: provisioning waits"))
	require.Equal(t, 1, said.count("there is room again"))
	require.Positive(t, said.count("the ledger does not answer"))
}
