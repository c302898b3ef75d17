package redis_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/redis"
	"tenant-provisioning/internal/redis/redistest"
)

// logBuffer is written by probes while a test reads it.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// metric is the value of one of the limiter's metrics, of all labels together.
func metric(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	var sum float64
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// TestRedisGoesAwayAndComesBack: the process limits by itself, and with all
// others again without a restart.
func TestRedisGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var logs logBuffer
	registry := prometheus.NewRegistry()
	limiter := newLimiter(t, redis.Config{
		Addr: server.Addr, Timeout: generous, Cooldown: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&logs, nil)), Registerer: registry,
	})
	c := check("a", 1, time.Hour, 3)
	require.Equal(t, redis.Decision{Allowed: true, Remaining: 2}, limiter.Allow(t.Context(), c))
	require.NoError(t, limiter.Ping(t.Context()))
	require.InDelta(t, 1, metric(t, registry, "rate_limit_shared"), 0)

	server.Stop()
	require.True(t, limiter.Allow(t.Context(), c).Unchecked)
	require.True(t, limiter.Allow(t.Context(), c).Allowed)
	for range 5 {
		require.False(t, limiter.Allow(t.Context(), c).Allowed, "what was allowed before counts")
	}
	require.Error(t, limiter.Ping(t.Context()))
	require.Eventually(t, func() bool { return strings.Contains(logs.String(), "rate limits are not shared") }, generous, time.Millisecond)
	require.InDelta(t, 0, metric(t, registry, "rate_limit_shared"), 0)
	require.Positive(t, metric(t, registry, "rate_limit_redis_failures_total"))

	server.Start()
	require.Eventually(t, func() bool { return !limiter.Allow(t.Context(), check("b", 1000, time.Second, 1000)).Unchecked },
		generous, time.Millisecond, "never asked again")
	require.NoError(t, limiter.Ping(t.Context()))
	require.InDelta(t, 1, metric(t, registry, "rate_limit_shared"), 0)
	require.False(t, limiter.Allow(t.Context(), c).Allowed, "also where Redis has forgotten everything")
	require.Equal(t, 1, strings.Count(logs.String(), "rate limits are not shared"), "said once, not for each request")
	require.Equal(t, 1, strings.Count(logs.String(), "rate limits are shared again"))

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
// connect, and each client has its limit all the same.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	addr, connections := silent(t)
	limiter := newLimiter(t, redis.Config{Addr: addr, Timeout: 50 * time.Millisecond, Cooldown: time.Hour})
	allowed := 0
	for range 100 {
		if d := limiter.Allow(t.Context(), check("a", 1, time.Hour, 7)); d.Allowed {
			require.True(t, d.Unchecked)
			allowed++
		}
	}
	require.Equal(t, 7, allowed)
	require.LessOrEqual(t, len(connections), 4, "a timeout costs a connection, for the request and for the probe")
}

// TestOneLateAnswerIsSoonForgotten: a probe finds out that Redis is there, and
// nobody waits for a cooldown.
func TestOneLateAnswerIsSoonForgotten(t *testing.T) {
	t.Parallel()
	server := redistest.StartReal(t)
	var logs logBuffer
	limiter := newLimiter(t, redis.Config{
		Addr: server.Addr, Timeout: 2 * time.Second, Cooldown: time.Hour, Logger: slog.New(slog.NewTextHandler(&logs, nil)),
	})
	c := check("a", 1000, time.Second, 1000)
	require.Eventually(t, func() bool { return !limiter.Allow(t.Context(), c).Unchecked }, generous, time.Millisecond)
	server.Freeze()
	require.True(t, limiter.Allow(t.Context(), c).Unchecked)
	server.Thaw()
	require.Eventually(t, func() bool { return !limiter.Allow(t.Context(), c).Unchecked }, generous, time.Millisecond)
	require.NotContains(t, logs.String(), "not shared")
}

// TestAFloodOfOneClientCostsRedisNothing: what is over the limit is refused
// before it gets there, and so cannot make its answers late for others.
func TestAFloodOfOneClientCostsRedisNothing(t *testing.T) {
	t.Parallel()
	const burst = 20
	server := redistest.StartReal(t)
	limiter := newLimiter(t, redis.Config{Addr: server.Addr, Timeout: generous})
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 1500 {
		all.Go(func() {
			for range 4 {
				if limiter.Allow(t.Context(), check("flood", 1, time.Hour, burst)).Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, burst, allowed.Load())
	require.False(t, limiter.Allow(t.Context(), check("other", 1, time.Hour, 1)).Unchecked)
	require.LessOrEqual(t, scripts(t, server), burst+1)
}

// TestWhatOthersHaveUsedIsNotAskedForAgain: once Redis has said when there is
// room, nobody asks before.
func TestWhatOthersHaveUsedIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	server := redistest.StartReal(t)
	clock := newClock()
	config := func() redis.Config { return redis.Config{Addr: server.Addr, Timeout: generous, Now: clock.Now} }
	one, other := newLimiter(t, config()), newLimiter(t, config())
	c := check("a", 1, time.Hour, 3)
	for range 3 {
		require.True(t, one.Allow(t.Context(), c).Allowed)
	}
	for range 100 {
		require.Equal(t, redis.Decision{RetryAfter: time.Hour}, other.Allow(t.Context(), c))
	}
	require.Equal(t, 4, scripts(t, server))
	clock.Advance(time.Hour)
	require.True(t, other.Allow(t.Context(), c).Allowed, "as soon as there is room")
	require.False(t, one.Allow(t.Context(), c).Allowed)
}

// scripts is how often a server has run ours, which reads its one key once.
func scripts(t *testing.T, server *redistest.Server) (calls int) {
	t.Helper()
	for line := range strings.Lines(fmt.Sprint(server.Do(t, "INFO", "commandstats"))) {
		if _, err := fmt.Sscanf(line, "cmdstat_get:calls=%d", &calls); err == nil {
			return calls
		}
	}
	return 0
}

// TestCallerGoesAway: a client that closes its connection does not take the
// shared count from all others.
func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	limiter := newLimiter(t, redis.Config{Addr: redistest.Start(t).Addr, Timeout: generous, Cooldown: time.Hour})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, limiter.Allow(gone, check("a", 1, time.Hour, 2)).Unchecked)
	require.False(t, limiter.Allow(t.Context(), check("a", 1, time.Hour, 2)).Unchecked)
}
