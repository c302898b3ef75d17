package redis_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/answers"
	"tenant-provisioning/internal/redis"
	"tenant-provisioning/internal/redis/redistest"
	"tenant-provisioning/internal/tenant"
)

const database = "here since noon"

// secretOf is a secret that is read at once.
func secretOf(text string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return []byte(text), nil }
}

func newCache(t *testing.T, config redis.Config, secret string) *redis.Cache {
	t.Helper()
	config.Timeout = generous
	return redis.NewCache(newLimiter(t, config), secretOf(secret))
}

func question(id, key string) answers.Question {
	return answers.Question{About: answers.Subject{Tenant: tenant.ID(id)}, Key: key}
}

// TestAnAnswerIsKept, by each kind of server.
func TestAnAnswerIsKept(t *testing.T) {
	t.Parallel()
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t, redis.Config{Addr: start(t).Addr}, "secret")
			q := question("a", "get-tenant")
			_, found := c.Get(t.Context(), database, q)
			require.False(t, found)
			e := answers.Entry{Snapshot: 1 << 40, Value: []byte("St. Mary"), Floor: 7}
			c.Put(t.Context(), database, q, e, time.Hour)
			got, found := c.Get(t.Context(), database, q)
			require.True(t, found)
			require.Equal(t, e, got)
			for what, other := range map[string]answers.Question{
				"another tenant": question("b", "get-tenant"), "another key": question("a", "get-provisioning"),
			} {
				_, found = c.Get(t.Context(), database, other)
				require.False(t, found, what)
			}
			_, found = c.Get(t.Context(), "here since one", q)
			require.False(t, found, "another server of the database")
		})
	}
}

// TestAnOlderAnswerNeverReplacesANewerOne, nor an older floor.
func TestAnOlderAnswerNeverReplacesANewerOne(t *testing.T) {
	t.Parallel()
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t, redis.Config{Addr: start(t).Addr}, "secret")
			q := question("a", "get-tenant")
			c.Put(t.Context(), database, q, answers.Entry{Snapshot: 16, Value: []byte("new"), Floor: 15}, time.Hour)
			c.Put(t.Context(), database, q, answers.Entry{Snapshot: 9, Value: []byte("old"), Floor: 8}, time.Hour)
			got, found := c.Get(t.Context(), database, q)
			require.True(t, found)
			require.Equal(t, answers.Entry{Snapshot: 16, Value: []byte("new"), Floor: 15}, got)
			c.Raise(t.Context(), database, []answers.Subject{{}, q.About}, 300, time.Hour)
			c.Raise(t.Context(), database, []answers.Subject{q.About}, 299, time.Hour)
			got, _ = c.Get(t.Context(), database, q)
			require.Equal(t, uint64(300), got.Floor)
		})
	}
}

// TestNothingPersonalIsInRedis: what is there can be read only with the
// installation's secret, and stands for nothing but what it was kept for.
func TestNothingPersonalIsInRedis(t *testing.T) {
	t.Parallel()
	server := redistest.StartReal(t)
	c := newCache(t, redis.Config{Addr: server.Addr}, "secret")
	mary, john := question("a", "get-tenant"), question("b", "get-tenant")
	c.Put(t.Context(), database, mary, answers.Entry{Snapshot: 9, Value: []byte("ada@stmary.example Lovelace")}, time.Hour)
	c.Put(t.Context(), database, john, answers.Entry{Snapshot: 9, Value: []byte("john@charite.example")}, time.Hour)
	client := goredis.NewClient(&goredis.Options{Addr: server.Addr})
	defer client.Close()
	var kept []string
	for _, key := range client.Keys(t.Context(), "*").Val() {
		value := client.Get(t.Context(), key).Val()
		for _, word := range []string{"ada", "stmary", "Lovelace", "tenant:", "here"} {
			require.NotContains(t, value, word)
		}
		require.Positive(t, client.PTTL(t.Context(), key).Val(), "it goes by itself")
		if len(value) > 16 {
			kept = append(kept, key)
		}
	}
	require.Len(t, kept, 2)
	// Somebody exchanges them.
	one, other := client.Get(t.Context(), kept[0]).Val(), client.Get(t.Context(), kept[1]).Val()
	client.Set(t.Context(), kept[0], other, time.Hour)
	client.Set(t.Context(), kept[1], one[:15]+"f"+one[16:], time.Hour)
	for _, q := range []answers.Question{mary, john} {
		_, found := c.Get(t.Context(), database, q)
		require.False(t, found)
	}
	c.Put(t.Context(), database, mary, answers.Entry{Snapshot: 16, Value: []byte("x")}, time.Hour)
	stranger := newCache(t, redis.Config{Addr: server.Addr}, "another")
	stranger.Put(t.Context(), database, john, answers.Entry{Snapshot: 99, Value: []byte("x")}, time.Hour)
	_, found := stranger.Get(t.Context(), database, mary)
	require.False(t, found, "another installation has another secret")
}

// TestWithoutRedisNothingIsKept, whatever is the matter with it, and it costs nothing.
func TestWithoutRedisNothingIsKept(t *testing.T) {
	t.Parallel()
	away := redistest.StartEmbedded(t)
	away.Stop()
	full := redistest.StartReal(t, "--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
	full.Do(t, "CONFIG", "SET", "maxmemory", "1")
	for name, addr := range map[string]string{
		"away": away.Addr, "full": full.Addr, "read-only": redistest.StartReal(t, "--replicaof", "127.0.0.1", "1").Addr,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			c := newCache(t, redis.Config{Addr: addr, Cooldown: time.Hour, Registerer: registry}, "secret")
			q := question("a", "get-tenant")
			c.Put(t.Context(), database, q, answers.Entry{Snapshot: 9, Value: []byte("x")}, time.Hour)
			_, found := c.Get(t.Context(), database, q)
			require.False(t, found)
			require.Zero(t, metric(t, registry, "rate_limit_shared"), "nobody asks it again before it is back")
			c.Raise(t.Context(), database, []answers.Subject{q.About}, 1, time.Hour)
			_, found = c.Get(t.Context(), database, q)
			require.False(t, found)
		})
	}
}

// TestASecretThatCannotBeRead has nothing kept until it can.
func TestASecretThatCannotBeRead(t *testing.T) {
	t.Parallel()
	fails := errors.New("the database is away")
	c := redis.NewCache(newLimiter(t, redis.Config{Addr: redistest.StartEmbedded(t).Addr, Timeout: generous}), func(context.Context) ([]byte, error) { return []byte("secret"), fails })
	q := question("a", "get-tenant")
	for range 2 {
		c.Put(t.Context(), database, q, answers.Entry{Snapshot: 9, Value: []byte("x")}, time.Hour)
		_, found := c.Get(t.Context(), database, q)
		require.Equal(t, fails == nil, found)
		fails = nil
	}
}
