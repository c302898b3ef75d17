package redis_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/redis"
	"tenant-provisioning/internal/redis/redistest"
)

// generous is for tests in which Redis answers: on a busy machine that may take
// longer than a request should wait.
const generous = time.Minute

// clock stands still unless it is told to go on. The keys of a real server
// expire all the same: limits are such that these last for minutes.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 1, 12, 0, 0, 123_000, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newLimiter(t *testing.T, config redis.Config) *redis.Limiter {
	t.Helper()
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Registerer == nil {
		config.Registerer = prometheus.NewRegistry()
	}
	limiter, err := redis.NewLimiter(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, limiter.Close()) })
	return limiter
}

// servers are the real one and the one in Go.
var servers = map[string]func(testing.TB) *redistest.Server{
	"real": func(t testing.TB) *redistest.Server { return redistest.StartReal(t) }, "embedded": redistest.StartEmbedded,
}

// counter is what limits, whoever counts.
type counter interface {
	Allow(ctx context.Context, checks ...redis.Check) redis.Decision
}

// alone is a limiter without Redis.
type alone struct {
	t       *testing.T
	limiter *redis.Limiter
}

func (a alone) Allow(ctx context.Context, checks ...redis.Check) redis.Decision {
	d := a.limiter.Allow(ctx, checks...)
	require.Equal(a.t, d.Allowed, d.Unchecked)
	d.Unchecked = false
	return d
}

func newAlone(t *testing.T, now func() time.Time) counter {
	t.Helper()
	nobody := redistest.StartEmbedded(t)
	nobody.Stop()
	return alone{t, newLimiter(t, redis.Config{Addr: nobody.Addr, Timeout: generous, Cooldown: time.Hour, Now: now})}
}

// onEachCount runs a test on the shared count of each server, and on that of a
// process that has none.
func onEachCount(t *testing.T, test func(*testing.T, counter, *clock)) {
	t.Helper()
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			test(t, newLimiter(t, redis.Config{Addr: start(t).Addr, Timeout: generous, Now: clock.Now}), clock)
		})
	}
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		clock := newClock()
		test(t, newAlone(t, clock.Now), clock)
	})
}

func check(key string, requests int, window time.Duration, burst int) redis.Check {
	return redis.Check{Key: key, Limit: redis.Limit{Requests: requests, Window: window, Burst: burst}}
}

func TestBurstThenPace(t *testing.T) {
	t.Parallel()
	onEachCount(t, func(t *testing.T, limiter counter, clock *clock) {
		c := check("a", 10, 1000*time.Second, 3)
		for remaining := 2; remaining >= 0; remaining-- {
			require.Equal(t, redis.Decision{Allowed: true, Remaining: remaining}, limiter.Allow(t.Context(), c))
		}
		require.Equal(t, redis.Decision{RetryAfter: 100 * time.Second}, limiter.Allow(t.Context(), c))
		clock.Advance(99 * time.Second)
		require.Equal(t, redis.Decision{RetryAfter: time.Second}, limiter.Allow(t.Context(), c))
		clock.Advance(time.Second)
		require.True(t, limiter.Allow(t.Context(), c).Allowed)
		require.False(t, limiter.Allow(t.Context(), c).Allowed)
		require.True(t, limiter.Allow(t.Context(), check("b", 10, 1000*time.Second, 3)).Allowed, "another key")

		clock.Advance(time.Hour)
		require.Equal(t, 2, limiter.Allow(t.Context(), c).Remaining, "a pause gives the burst back, no more")
	})
}

// TestSeveralKeys: what one limit refuses is not counted against the other.
func TestSeveralKeys(t *testing.T) {
	t.Parallel()
	onEachCount(t, func(t *testing.T, limiter counter, clock *clock) {
		wide, narrow := check("wide", 100, 10*time.Hour, 5), check("narrow", 1, time.Hour, 1)
		require.Equal(t, redis.Decision{Allowed: true}, limiter.Allow(t.Context(), wide, narrow), "the strictest tells what remains")
		for range 10 {
			require.Equal(t, redis.Decision{RetryAfter: time.Hour}, limiter.Allow(t.Context(), wide, narrow))
		}
		require.Equal(t, 3, limiter.Allow(t.Context(), wide).Remaining)
		clock.Advance(time.Hour)
		require.True(t, limiter.Allow(t.Context(), narrow, wide).Allowed)
	})
}

// TestTogether: the count is exact however many ask at the same moment.
func TestTogether(t *testing.T) {
	t.Parallel()
	onEachCount(t, func(t *testing.T, limiter counter, _ *clock) {
		const burst = 50
		var allowed atomic.Int32
		var group sync.WaitGroup
		for range 4 * burst {
			group.Go(func() {
				decision := limiter.Allow(t.Context(), check("many", 1, time.Hour, burst))
				if decision.Allowed && !decision.Unchecked {
					allowed.Add(1)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, burst, allowed.Load())
	})
}

// TestNoMoreThanTheLimit: over any arrivals, no window holds more than the
// burst and what the pace adds, and whoever waits as told is let in.
func TestNoMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	t.Run("shared", func(t *testing.T) {
		t.Parallel()
		time0 := newClock()
		noMoreThanTheLimit(t, newLimiter(t, redis.Config{Addr: redistest.Start(t).Addr, Timeout: generous, Now: time0.Now}), time0)
	})
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		time0 := newClock()
		noMoreThanTheLimit(t, newAlone(t, time0.Now), time0)
	})
}

func noMoreThanTheLimit(t *testing.T, limiter counter, time0 *clock) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		limit := redis.Limit{
			Requests: rapid.IntRange(1, 50).Draw(t, "requests"),
			// Keys expire by the real clock, so that each request counts for far
			// longer than a test lasts.
			Window: time.Duration(rapid.IntRange(6_000, 60_000).Draw(t, "window")) * time.Second,
			Burst:  rapid.IntRange(1, 20).Draw(t, "burst"),
		}
		check := redis.Check{Key: rapid.StringMatching(`[a-z]{12}`).Draw(t, "key"), Limit: limit}
		time0.Advance(time.Duration(limit.Burst) * limit.Window) // whoever had the key before
		pause := rapid.IntRange(0, 2*int(limit.Window)/limit.Requests)
		var allowed []time.Time
		for range rapid.IntRange(1, 60).Draw(t, "arrivals") {
			time0.Advance(time.Duration(pause.Draw(t, "pause")))
			decision := limiter.Allow(t.Context(), check)
			if !decision.Allowed && rapid.Bool().Draw(t, "wait") {
				time0.Advance(decision.RetryAfter)
				decision = limiter.Allow(t.Context(), check)
				require.True(t, decision.Allowed, "waited as told")
			}
			require.False(t, decision.Unchecked)
			if decision.Allowed {
				allowed = append(allowed, time0.Now())
			}
		}
		perRequest := float64(limit.Window) / float64(limit.Requests)
		for i := range allowed {
			for j := i; j < len(allowed); j++ {
				// Two microseconds: times are whole ones, in the key and in the question.
				most := float64(limit.Burst) + (float64(allowed[j].Sub(allowed[i]))+2000*float64(j-i))/perRequest
				require.LessOrEqual(t, float64(j-i+1), most+1e-6)
			}
		}
	})
}

// TestKeysExpire: a client that is gone leaves nothing behind.
func TestKeysExpire(t *testing.T) {
	t.Parallel()
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			limiter := newLimiter(t, redis.Config{Addr: server.Addr, Timeout: generous, Now: newClock().Now})
			limiter.Allow(t.Context(), check("gone", 1, time.Hour, 5))
			limiter.Allow(t.Context(), check("gone", 1, time.Hour, 5))
			client := goredis.NewClient(&goredis.Options{Addr: server.Addr})
			defer func() { require.NoError(t, client.Close()) }()
			keys, err := client.Keys(t.Context(), "*").Result()
			require.NoError(t, err)
			require.Equal(t, []string{"tenant-provisioning:limit:gone"}, keys)
			ttl, err := client.PTTL(t.Context(), keys[0]).Result()
			require.NoError(t, err)
			require.Greater(t, ttl, time.Hour)
			require.LessOrEqual(t, ttl, 2*time.Hour, "when the burst is there again, the key says nothing")
		})
	}
}

// TestServerClock: without a clock of its own the limiter uses the server's.
func TestServerClock(t *testing.T) {
	t.Parallel()
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limiter := newLimiter(t, redis.Config{Addr: start(t).Addr, Timeout: generous})
			c := check("a", 1, time.Hour, 1)
			require.True(t, limiter.Allow(t.Context(), c).Allowed)
			decision := limiter.Allow(t.Context(), c)
			require.False(t, decision.Allowed)
			require.Greater(t, decision.RetryAfter, 59*time.Minute)
			require.LessOrEqual(t, decision.RetryAfter, time.Hour)
		})
	}
}

// TestClockSetBack: after a failover to a server whose clock is behind, nobody
// is shut out for longer than a burst takes, nor after the process's own clock
// was set back.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	onEachCount(t, func(t *testing.T, limiter counter, clock *clock) {
		c := check("a", 1, time.Hour, 2)
		require.True(t, limiter.Allow(t.Context(), c).Allowed)
		clock.Advance(-24 * time.Hour)
		if _, own := limiter.(alone); !own {
			require.Equal(t, redis.Decision{RetryAfter: time.Hour}, limiter.Allow(t.Context(), c))
			clock.Advance(time.Hour)
		}
		require.True(t, limiter.Allow(t.Context(), c).Allowed)
	})
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := redis.NewLimiter(redis.Config{Timeout: -1})
	for _, problem := range []string{"no address", "negative", "no logger", "no registerer"} {
		require.ErrorContains(t, err, problem)
	}
}
