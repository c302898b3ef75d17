package redis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/redis"
)

// TestServerTellsOfItself, and is not asked while it is away: its metrics must hold
// nobody up.
func TestServerTellsOfItself(t *testing.T) {
	t.Parallel()
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			limiter := newLimiter(t, redis.Config{Addr: server.Addr})
			require.NoError(t, limiter.Ping(t.Context()))
			said, err := limiter.Server(t.Context())
			require.NoError(t, err)
			require.Positive(t, said.Clients)
			if name == "real" {
				require.Positive(t, said.UsedMemory)
				require.Positive(t, said.Commands)
			}
		})
	}
}
