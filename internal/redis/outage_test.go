package redis_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/redis"
	"tenant-provisioning/internal/redis/redistest"
)

// TestRedisGoesAwayAndComesBack: requests are let in unchecked, and limited
// again without a restart.
func TestRedisGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var logs bytes.Buffer
	registry := prometheus.NewRegistry()
	limiter := newLimiter(t, redis.Config{
		Addr: server.Addr, Timeout: generous, Cooldown: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&logs, nil)), Registerer: registry,
	})
	c := check("a", 1, time.Hour, 1)
	require.Equal(t, redis.Decision{Allowed: true}, limiter.Allow(t.Context(), c))
	require.False(t, limiter.Allow(t.Context(), c).Allowed)

	server.Stop()
	for range 5 {
		require.Equal(t, redis.Decision{Allowed: true, Unchecked: true}, limiter.Allow(t.Context(), c))
	}
	require.Error(t, limiter.Ping(t.Context()))

	server.Start()
	require.Eventually(t, func() bool { return !limiter.Allow(t.Context(), check("b", 1000, time.Second, 1000)).Unchecked },
		generous, time.Millisecond, "never asked again")
	require.NoError(t, limiter.Ping(t.Context()))
	require.Equal(t, 1, strings.Count(logs.String(), "rate limits are off"), "said once, not for each request")
	require.Equal(t, 1, strings.Count(logs.String(), "rate limits are on again"))

	count, err := testutil.GatherAndCount(registry, "rate_limit_decisions_total")
	require.NoError(t, err)
	require.Equal(t, 3, count, "allowed, refused and unchecked")
}

// silent accepts connections and never answers, as a machine does that hangs.
func silent(t *testing.T) (addr string, connections <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	accepted := make(chan struct{}, 1000)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted <- struct{}{}
			go func() {
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String(), accepted
}

// TestRedisHangs: one request pays the timeout, those after it do not even
// connect.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	addr, connections := silent(t)
	limiter := newLimiter(t, redis.Config{Addr: addr, Timeout: 50 * time.Millisecond, Cooldown: time.Hour})
	for range 100 {
		require.Equal(t, redis.Decision{Allowed: true, Unchecked: true}, limiter.Allow(t.Context(), check("a", 1, time.Hour, 1)))
	}
	require.LessOrEqual(t, len(connections), 2, "a timeout costs a connection")
}

// TestCallerGoesAway: a client that closes its connection does not turn the
// limits off for all others.
func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	limiter := newLimiter(t, redis.Config{Addr: redistest.Start(t).Addr, Timeout: generous, Cooldown: time.Hour})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, limiter.Allow(gone, check("a", 1, time.Hour, 1)).Unchecked)
	require.False(t, limiter.Allow(t.Context(), check("a", 1, time.Hour, 1)).Unchecked)
}
