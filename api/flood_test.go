package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/redis/redistest"
	"tenant-provisioning/internal/token"
)

// TestAFloodIsLimitedWhateverRedisDoes: of a client without a token, and of a
// viewer, not one request more gets through than the limit allows.
func TestAFloodIsLimitedWhateverRedisDoes(t *testing.T) {
	t.Parallel()
	const limit = 20
	for name, goes := range map[string]func(*redistest.Server){
		"it answers": func(*redistest.Server) {}, "it hangs": (*redistest.Server).Freeze, "it is away": (*redistest.Server).Stop,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.StartReal(t)
			goes(server)
			p := start(t, append(nothingThere(t), append(redisAt(t, server), "RATE_LIMIT_REQUESTS=20", "RATE_LIMIT_WINDOW=24h")...)...)
			p.await(t, "/livez", http.StatusOK)

			viewer, err := token.Signer{Secret: secret}.Issue("grace", token.RoleViewer, time.Hour, time.Now())
			require.NoError(t, err)
			for authorization, through := range map[string]int{"": http.StatusUnauthorized, "Bearer " + viewer: http.StatusNotFound} {
				got := p.flood(t, "/v1/nothing", authorization)
				require.Equal(t, limit, got[through], "%v", got)
				require.Len(t, got, 2, "%v", got)
				require.Positive(t, got[http.StatusTooManyRequests])
			}
			status, _ := p.get(t, "/livez")
			require.Equal(t, http.StatusOK, status)
		})
	}
}

// flood sends 1,500 requests over 300 connections, and counts the answers.
func (p *process) flood(t *testing.T, path, authorization string) map[int]int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 300, MaxIdleConnsPerHost: 300}, Timeout: patience}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	answers := map[int]int{}
	var all sync.WaitGroup
	for range 300 {
		all.Go(func() {
			for range 5 {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
				require.NoError(t, err)
				if authorization != "" {
					r.Header.Set("Authorization", authorization)
				}
				status := 0
				if res, err := client.Do(r); err == nil {
					status = res.StatusCode
					_ = res.Body.Close()
				}
				mu.Lock()
				answers[status]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return answers
}

// TestReadyzSaysWhyRedisDoesNotCount, and that it does where it is a cluster.
func TestReadyzSaysWhyRedisDoesNotCount(t *testing.T) {
	t.Parallel()
	_, db := postgrestest.NewWithConfig(t)
	for name, c := range map[string]struct {
		server func() *redistest.Server
		says   string
	}{
		"full":       {func() *redistest.Server { return redistest.StartReal(t, "--maxmemory", "1") }, `"redis":"full: raise maxmemory`},
		"a replica":  {func() *redistest.Server { return redistest.StartReal(t, "--replicaof", "127.0.0.1 1") }, `"redis":"read-only: `},
		"a password": {func() *redistest.Server { return redistest.StartReal(t, "--requirepass", "of-tests") }, `"redis":"refuses the login: `},
		"a cluster":  {func() *redistest.Server { return redistest.StartCluster(t, 3)[2] }, `"redis":"ok"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, append(nothingThere(t), append(redisAt(t, c.server()),
				"DB_HOST="+db.Host, fmt.Sprintf("DB_PORT=%d", db.Port), "DB_USERNAME="+db.User, "DB_PASSWORD="+db.Password, "DB_NAME="+db.Database)...)...)
			p.await(t, "/readyz", http.StatusOK)
			require.Eventually(t, func() bool {
				_, body := p.get(t, "/readyz")
				return strings.Contains(body, c.says)
			}, patience, 100*time.Millisecond)
		})
	}
}

func redisAt(t *testing.T, server *redistest.Server) []string {
	t.Helper()
	host, port, err := net.SplitHostPort(server.Addr)
	require.NoError(t, err)
	return []string{"REDIS_HOST=" + host, "REDIS_PORT=" + port}
}
