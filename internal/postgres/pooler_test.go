package postgres_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// TestThroughAPoolerThatKeepsSessions everything works, with PgBouncer as it is
// installed and as it is usually set.
func TestThroughAPoolerThatKeepsSessions(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]string{
		"as installed": nil,
		"as usual":     {"ignore_startup_parameters = extra_float_digits,options,search_path,statement_timeout,idle_in_transaction_session_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			empty := postgrestest.Empty(t, "")
			b := open(t, postgrestest.Pooled(t, empty, "session", settings...))
			b.mustExec(t, `ALTER DATABASE `+empty.Database+` SET search_path = ''`)
			b.pool.Reset()
			_, _, err := postgres.Migrate(b.ctx, b.pool)
			require.NoError(t, err)
			require.NoError(t, postgres.Confirm(b.ctx, b.pool))
			provisionsAsEver(t, b)
			b.provisionMany(t)
		})
	}
}

// TestAPoolerThatMixesUpSessionsIsRefused in words, before anything is lost.
func TestAPoolerThatMixesUpSessionsIsRefused(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"transaction", "statement"} {
		for name, settings := range map[string][]string{
			"as installed": nil,
			"as usual":     {"ignore_startup_parameters = extra_float_digits,options,search_path"},
			"small":        {"default_pool_size = 1"},
			"round robin":  {"server_round_robin = 1"},
		} {
			t.Run(mode+" "+name, func(t *testing.T) {
				t.Parallel()
				_, c := postgrestest.NewWithConfig(t)
				open(t, postgrestest.Pooled(t, c, mode, settings...)).refuses(t, "pool_mode = session")
			})
		}
	}
}

// provisionMany makes the schemas of many tenants at the same time.
func (b testBundle) provisionMany(t *testing.T) {
	t.Helper()
	const many = 12
	var all sync.WaitGroup
	failed := make(chan error, many)
	for n := range many {
		all.Go(func() {
			a := acceptance(t, fmt.Sprintf("Hospital %d", n))
			_, err := b.operations.Submit(b.ctx, a)
			f := fence(a)
			if err == nil {
				_, err = b.transitions.Claim(b.ctx, f)
			}
			if err == nil {
				err = b.schemas.Create(b.ctx, f)
			}
			if err == nil {
				_, err = b.tenants.List(b.ctx, tenant.Filter{})
			}
			failed <- err
		})
	}
	all.Wait()
	for range many {
		require.NoError(t, <-failed)
	}
}
