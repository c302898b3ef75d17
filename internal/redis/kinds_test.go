package redis_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/redis"
	"tenant-provisioning/internal/redis/redistest"
)

const password = "a-password-of-tests"

// limits is the user that docs/OPERATIONS.md makes, and nothing more.
var limits = []string{"--user", "limits", "on", ">" + password, "~tenant-provisioning:*", "+evalsha", "+eval", "+get", "+set", "+time"}

// public is what anybody is told of an error.
func public(err error) string {
	var told interface{ Public() string }
	if !errors.As(err, &told) {
		return ""
	}
	return told.Public()
}

// TestWhereRedisCannotCount: clients are limited all the same, and it is said
// why to whoever looks at /readyz, the metrics or the log.
func TestWhereRedisCannotCount(t *testing.T) {
	t.Parallel()
	user := func(rights ...string) []string {
		return append([]string{"--user", "limits", "on", ">" + password, "~tenant-provisioning:*"}, rights...)
	}
	for name, c := range map[string]struct {
		start  func(*testing.T) *redistest.Server
		change func(*redis.Config)
		reason string
		says   string
	}{
		"a replica":                    {start: realOne("--replicaof", "127.0.0.1 1"), reason: "read_only", says: "read-only"},
		"no memory left":               {start: realOne("--maxmemory", "1"), reason: "full", says: "maxmemory"},
		"a password that is not given": {start: realOne("--requirepass", password), reason: "credentials", says: "REDIS_PASSWORD"},
		"a wrong password": {
			start: realOne("--requirepass", password), change: func(c *redis.Config) { c.Password = "wrong" }, reason: "credentials", says: "REDIS_PASSWORD",
		},
		"an unknown user": {
			start: realOne(), change: func(c *redis.Config) { c.Username, c.Password = "nobody", password }, reason: "credentials", says: "REDIS_USERNAME",
		},
		"a user who may not write": {
			start:  realOne(user("+evalsha", "+eval", "+get", "+time")...),
			change: func(c *redis.Config) { c.Username, c.Password = "limits", password }, reason: "permissions", says: "+set",
		},
		"a user who may run no script": {
			start:  realOne(user("+get", "+set", "+time")...),
			change: func(c *redis.Config) { c.Username, c.Password = "limits", password }, reason: "permissions", says: "+evalsha",
		},
		"a user with other keys": {
			start: realOne(limits...), change: func(c *redis.Config) { c.Username, c.Password, c.Prefix = "limits", password, "others:" },
			reason: "permissions", says: "keys",
		},
		"too few replicas":     {start: realOne("--min-replicas-to-write", "1"), reason: "cannot_save", says: "replicas"},
		"a disk that is full":  {start: unsaved, reason: "cannot_save", says: "disk"},
		"too many clients":     {start: saying("-ERR max number of clients reached"), reason: "occupied", says: "clients"},
		"scripts are disabled": {start: realOne("--rename-command", "EVALSHA", ""), reason: "unsuitable", says: "EVALSHA"},
		"loading":              {start: saying("-LOADING Redis is loading the dataset in memory"), reason: "loading", says: "loading"},
		"a script that runs":   {start: saying("-BUSY Redis is busy running a script."), reason: "occupied", says: "script"},
		"protected mode":       {start: saying("-DENIED Redis is running in protected mode"), reason: "credentials", says: "REDIS_PASSWORD"},
		"an old replica":       {start: saying("-ERR Error running script (call to f_1): @user_script:18: @user_script: 18: -READONLY You can't write against a read only replica."), reason: "read_only", says: "read-only"},
		"a cluster of parts":   {start: realOne("--cluster-enabled", "yes"), reason: "cluster", says: "cluster"},
		"a word of its own":    {start: saying("-ERR something else"), reason: "other", says: "log"},
		"another protocol":     {start: saying("HTTP/1.1 400 Bad Request"), reason: "unreachable", says: "unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logs logBuffer
			registry := prometheus.NewRegistry()
			config := redis.Config{
				Addr: c.start(t).Addr, Timeout: generous, Cooldown: time.Hour,
				Logger: slog.New(slog.NewTextHandler(&logs, nil)), Registerer: registry,
			}
			if c.change != nil {
				c.change(&config)
			}
			limiter := newLimiter(t, config)
			allowed := 0
			for range 50 {
				if d := limiter.Allow(t.Context(), check("a", 1, time.Hour, 5)); d.Allowed {
					require.True(t, d.Unchecked)
					allowed++
				}
			}
			require.Equal(t, 5, allowed)
			err := limiter.Ping(t.Context())
			require.Error(t, err)
			require.Contains(t, public(err), c.says, "%v", err)
			require.Eventually(t, func() bool { return strings.Contains(logs.String(), "not shared") }, generous, time.Millisecond)
			require.Contains(t, logs.String(), public(err))
			require.NotContains(t, logs.String(), password)
			require.InDelta(t, 0, metric(t, registry, "rate_limit_shared"), 0)
			require.Positive(t, failures(t, registry, c.reason))
		})
	}
}

func realOne(args ...string) func(*testing.T) *redistest.Server {
	return func(t *testing.T) *redistest.Server { t.Helper(); return redistest.StartReal(t, args...) }
}

// unsaved is a server that could not write its file.
func unsaved(t *testing.T) *redistest.Server {
	t.Helper()
	server := redistest.StartReal(t, "--save", "3600 1")
	require.NoError(t, os.RemoveAll(server.Dir))
	server.Do(t, "BGSAVE")
	require.Eventually(t, func() bool {
		return strings.Contains(fmt.Sprint(server.Do(t, "INFO", "persistence")), "rdb_last_bgsave_status:err")
	}, generous, 20*time.Millisecond)
	return server
}

// saying is a server that answers everything alike.
func saying(line string) func(*testing.T) *redistest.Server {
	return func(t *testing.T) *redistest.Server {
		t.Helper()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				go answerAll(conn, line)
			}
		}()
		return &redistest.Server{Addr: listener.Addr().String()}
	}
}

// answerAll answers each command, which begins with an asterisk at the beginning
// of a line.
func answerAll(conn net.Conn, line string) {
	defer conn.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		for i, b := range buffer[:n] {
			if b == '*' && (i == 0 || buffer[i-1] == '\n') {
				if _, err := fmt.Fprintf(conn, "%s\r\n", line); err != nil {
					return
				}
			}
		}
	}
}

// failures is how many questions failed for a reason.
func failures(t *testing.T, registry *prometheus.Registry, reason string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "rate_limit_redis_failures_total" && m.GetLabel()[0].GetValue() == reason {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// TestAUserOfFewRightsCounts: with what the documentation says and no more, on
// one server and in a cluster.
func TestAUserOfFewRightsCounts(t *testing.T) {
	t.Parallel()
	server := redistest.StartReal(t, append(limits, "--user", "default", "off")...)
	limiter := newLimiter(t, redis.Config{Addr: server.Addr, Username: "limits", Password: password, Timeout: generous})
	c := check("a", 1, time.Hour, 1)
	require.Equal(t, redis.Decision{Allowed: true}, limiter.Allow(t.Context(), c))
	require.NoError(t, limiter.Ping(t.Context()))

	nodes := redistest.StartCluster(t, 2)
	for _, node := range nodes {
		node.Do(t, "ACL", "SETUSER", "limits", "on", ">"+password, "~tenant-provisioning:*", "+evalsha", "+eval", "+get", "+set", "+time", "+cluster|slots")
		node.Do(t, "ACL", "SETUSER", "default", "off")
	}
	inCluster := newLimiter(t, redis.Config{Addr: nodes[0].Addr, Username: "limits", Password: password, Timeout: generous})
	countsAll(t, inCluster)
}

// TestACluster counts every key, wherever it lives, whichever node is named.
func TestACluster(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 3)
	for _, node := range nodes {
		countsAll(t, newLimiter(t, redis.Config{Addr: node.Addr, Timeout: generous, Prefix: node.Addr}))
	}
}

// countsAll sees that many clients are limited by Redis, once it is known to be
// a cluster.
func countsAll(t *testing.T, limiter *redis.Limiter) {
	t.Helper()
	require.Eventually(t, func() bool {
		unchecked := 0
		for i := range 20 {
			if limiter.Allow(t.Context(), check(fmt.Sprintf("first %d", i), 1000, time.Millisecond, 1000)).Unchecked {
				unchecked++
			}
		}
		return unchecked == 0
	}, generous, 10*time.Millisecond, "%v", limiter.Ping(t.Context()))
	require.NoError(t, limiter.Ping(t.Context()))
	for i := range 50 {
		require.Equal(t, redis.Decision{Allowed: true}, limiter.Allow(t.Context(), check(fmt.Sprintf("client %d", i), 1, time.Hour, 1)))
		require.False(t, limiter.Allow(t.Context(), check(fmt.Sprintf("client %d", i), 1, time.Hour, 1)).Allowed)
	}
}

// TestAServerBecomesAClusterAndBack, at the same address: nobody has to restart
// the api.
func TestAServerBecomesAClusterAndBack(t *testing.T) {
	t.Parallel()
	single, nodes := redistest.StartReal(t), redistest.StartCluster(t, 2)
	path := redistest.NewPath(t, single.Addr)
	limiter := newLimiter(t, redis.Config{Addr: path.Addr, Timeout: generous, Cooldown: 10 * time.Millisecond})
	countsAll(t, limiter)
	path.Lead(nodes[0].Addr)
	single.Stop()
	countsAgain(t, limiter, "moved")
	single.Start()
	path.Lead(single.Addr)
	for _, node := range nodes {
		node.Stop()
	}
	countsAgain(t, limiter, "and back")
}

// TestAFailover: the primary becomes a replica, and its address leads to the one
// that took its place. What is connected still is connected to the old one.
func TestAFailover(t *testing.T) {
	t.Parallel()
	primary, replica := redistest.StartReal(t), redistest.StartReal(t)
	path := redistest.NewPath(t, primary.Addr)
	limiter := newLimiter(t, redis.Config{Addr: path.Addr, Timeout: generous, Cooldown: 10 * time.Millisecond})
	c := check("a", 1000, time.Second, 1000)
	require.False(t, limiter.Allow(t.Context(), c).Unchecked)

	host, port, err := net.SplitHostPort(replica.Addr)
	require.NoError(t, err)
	primary.Do(t, "REPLICAOF", host, port)
	require.Eventually(t, func() bool {
		return strings.Contains(fmt.Sprint(primary.Do(t, "INFO", "replication")), "master_link_status:up")
	}, generous, 10*time.Millisecond)
	require.Eventually(t, func() bool { return public(limiter.Ping(t.Context())) != "" }, generous, time.Millisecond)
	require.Contains(t, public(limiter.Ping(t.Context())), "read-only")
	require.True(t, limiter.Allow(t.Context(), c).Unchecked)

	path.Lead(replica.Addr)
	countsAgain(t, limiter, "failed over")
}

// countsAgain waits until Redis counts every key.
func countsAgain(t *testing.T, limiter *redis.Limiter, round string) {
	t.Helper()
	require.Eventually(t, func() bool {
		for i := range 20 {
			if limiter.Allow(t.Context(), check(fmt.Sprintf("%s %d", round, i), 1000, time.Millisecond, 1000)).Unchecked {
				return false
			}
		}
		return limiter.Ping(t.Context()) == nil
	}, generous, 10*time.Millisecond, "%s", round)
}

// TestAScriptThatIsForgotten is sent again.
func TestAScriptThatIsForgotten(t *testing.T) {
	t.Parallel()
	server := redistest.StartReal(t)
	limiter := newLimiter(t, redis.Config{Addr: server.Addr, Timeout: generous})
	for range 3 {
		require.Equal(t, redis.Decision{Allowed: true, Remaining: 999}, limiter.Allow(context.WithoutCancel(t.Context()), check("a", 1000, time.Millisecond, 1000)))
		server.Do(t, "SCRIPT", "FLUSH")
	}
}
