package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
)

// TestOpenTakesEveryHost: a name, an address of either kind, the directory of a
// socket; and what would be read as part of a URL.
func TestOpenTakesEveryHost(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"db.example", "127.0.0.1", "::1", "/var/run/postgresql"} {
		c := postgres.Config{Host: host, Port: 5433, User: "a/b@c", Password: "p:/?#%@ ä", Database: "x y/z", SSLMode: "prefer", MaxConns: 3}
		pool, err := postgres.Open(t.Context(), c)
		require.NoError(t, err, host)
		t.Cleanup(pool.Close)
		got := pool.Config().ConnConfig
		require.Equal(t, host, got.Host)
		require.EqualValues(t, 5433, got.Port)
		require.Equal(t, []string{c.User, c.Password, c.Database}, []string{got.User, got.Password, got.Database})
	}
}
