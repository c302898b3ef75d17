package redis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/redis"
	"tenant-provisioning/internal/redis/redistest"
)

// TestFacts of servers that fit and of those that do not.
func TestFacts(t *testing.T) {
	t.Parallel()
	type line struct {
		check string
		state doctor.State
		says  string
	}
	asLimits := func(c *redis.Config) { c.Username, c.Password = "limits", password }
	for name, c := range map[string]struct {
		start  func(*testing.T) *redistest.Server
		change func(*redis.Config)
		lines  []line
	}{
		"as it should be": {realOne(append([]string{"--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"}, limits...)...), asLimits, []line{
			{"server", doctor.OK, "Redis counts requests"}, {"role", doctor.OK, "not told"}, {"memory", doctor.OK, "not told"},
			{"policy", doctor.OK, "not told"}, {"rights", doctor.OK, "the user limits"},
		}},
		"as it is installed": {realOne(), nil, []line{
			{"server", doctor.OK, "counts requests"}, {"role", doctor.OK, "a primary"}, {"memory", doctor.Warning, "set maxmemory"},
			{"policy", doctor.Warning, "noeviction"}, {"rights", doctor.Warning, "may do everything"},
		}},
		"bounded":        {realOne("--maxmemory", "64mb", "--maxmemory-policy", "volatile-lru"), nil, []line{{"memory", doctor.OK, "of 64.0 MiB"}, {"policy", doctor.OK, "volatile-lru"}}},
		"a replica":      {realOne("--replicaof", "127.0.0.1 1"), nil, []line{{"server", doctor.Failure, "read-only"}}},
		"full":           {realOne("--maxmemory", "1"), nil, []line{{"server", doctor.Failure, "maxmemory"}}},
		"another secret": {realOne("--requirepass", password), func(c *redis.Config) { c.Password = "wrong" }, []line{{"server", doctor.Failure, "REDIS_PASSWORD"}}},
		"few rights": {realOne("--user", "limits", "on", ">"+password, "~tenant-provisioning:*", "+evalsha", "+eval", "+get", "+time"), asLimits, []line{
			{"server", doctor.Failure, "+set"},
		}},
		"a cluster": {func(t *testing.T) *redistest.Server { t.Helper(); return redistest.StartCluster(t, 2)[0] }, nil, []line{{"server", doctor.OK, "a cluster"}}},
		"gone": {func(t *testing.T) *redistest.Server {
			t.Helper()
			s := redistest.StartEmbedded(t)
			s.Stop()
			return s
		}, nil, []line{{"server", doctor.Failure, "unreachable"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := redis.Config{Addr: c.start(t).Addr, Timeout: time.Minute}
			if c.change != nil {
				c.change(&config)
			}
			found := map[string]doctor.Line{}
			for _, l := range doctor.Examine(t.Context(), 2*time.Minute, []doctor.Subject{doctor.ExamineRedis(redis.NewFacts(config), true)}) {
				found[l.Check] = l
			}
			for _, want := range c.lines {
				l := found[want.check]
				require.Equal(t, want.state, l.State, "%s: %s", want.check, l.Says)
				require.Contains(t, l.Says+" mend: "+l.Mend, want.says)
			}
		})
	}
}
