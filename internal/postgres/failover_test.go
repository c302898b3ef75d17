package postgres_test

import (
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// detour is an address before servers: connections stay where they led when they
// were made.
type detour struct {
	net.Listener
	target atomic.Pointer[string]
}

func newDetour(t *testing.T, address, target string) *detour {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	d := &detour{Listener: l}
	d.to(target)
	t.Cleanup(func() { _ = l.Close() }) // which ends the loop
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go d.carry(client)
		}
	}()
	return d
}

func (d *detour) to(target string) { d.target.Store(&target) }

func (d *detour) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", *d.target.Load())
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(server, client) // until one of them ends
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

func (d *detour) port() int { return d.Addr().(*net.TCPAddr).Port } //nolint:forcetypeassert // it is TCP's

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	require.Eventually(t, done, soon, 50*time.Millisecond, what)
}

// atOnce fills the pool: as many ask as it has connections.
func (b testBundle) atOnce(t *testing.T, do func() error) {
	t.Helper()
	const callers = 12
	var all sync.WaitGroup
	errs := make(chan error, callers)
	for range callers {
		all.Go(func() { errs <- do() })
	}
	all.Wait()
	for range callers {
		require.NoError(t, <-errs)
	}
}

// TestEverybodyFollowsAPromotion of a streaming standby behind an address that
// stays: the old primary lives on, and leaves its connections open.
func TestEverybodyFollowsAPromotion(t *testing.T) {
	t.Parallel()
	for name, refuses := range map[string]bool{"the old one refuses writes": true, "the old one knows nothing of it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			primary := postgrestest.Start(t)
			_, c := postgrestest.NewOn(t, primary.Superuser())
			standby := primary.Standby()
			address := newDetour(t, "127.0.0.1:0", primary.Address())
			c.Port = address.port()
			b := open(t, c)
			heard := make(chan tenant.OperationID, 256)
			go postgres.Listen(b.ctx, b.pool, slog.New(slog.DiscardHandler), func(id tenant.OperationID, _ tenant.State) { heard <- id })
			accept := func() error { _, err := b.operations.Submit(b.ctx, acceptance(t, rand.Text())); return err }
			b.atOnce(t, accept)
			b.atOnce(t, func() error { return b.health.Ready(b.ctx) })
			standby.Follows(primary)
			standby.Promote()
			if refuses {
				primary.Refuse(true)
				eventually(t, "it is said", func() bool { return b.health.Ready(b.ctx) != nil })
				require.ErrorContains(t, b.health.Ready(b.ctx), "read-only")
				require.ErrorIs(t, accept(), tenant.ErrUnavailable)
				_, err := b.tenants.List(b.ctx, tenant.Filter{})
				require.NoError(t, err, "it can be read")
			}
			address.to(standby.Address())

			c.Port = standby.Superuser().Port
			there := open(t, c)
			arrived := func() bool {
				a := acceptance(t, rand.Text())
				// What the old one has taken may be looked for at the new one.
				if _, err := b.operations.Submit(b.ctx, a); err != nil {
					return false
				}
				_, err := there.tenants.Find(b.ctx, a.New.ID)
				return err == nil
			}
			eventually(t, "a write arrives at the new one", arrived)
			b.atOnce(t, func() error { return b.health.Ready(b.ctx) })
			eventually(t, "every other arrives as well", func() bool {
				for range 12 {
					if !arrived() {
						return false
					}
				}
				return true
			})
			b.atOnce(t, accept)
			_, to, err := postgres.Migrate(b.ctx, b.pool)
			require.NoError(t, err)
			require.NotZero(t, to)
			eventually(t, "the listener hears of the new one", func() bool {
				for len(heard) > 0 {
					<-heard
				}
				a := there.accept(t, rand.Text())
				over := time.After(time.Second)
				for {
					select {
					case id := <-heard:
						if id == a.Operation.ID {
							return true
						}
					case <-over:
						return false
					}
				}
			})
		})
	}
}

// TestAStandbyIsWaitedFor: it would answer with what may be old, and takes nothing.
func TestAStandbyIsWaitedFor(t *testing.T) {
	t.Parallel()
	primary := postgrestest.Start(t)
	_, c := postgrestest.NewOn(t, primary.Superuser())
	standby := primary.Standby()
	standby.Follows(primary)

	// Of several hosts, the one is taken that can be written to.
	port := c.Port
	newDetour(t, "127.0.0.2:"+primary.Port(), standby.Address())
	c.Host = "127.0.0.2,127.0.0.1"
	both := open(t, c)
	require.NoError(t, both.health.Ready(both.ctx))
	both.accept(t, "Charité")

	c.Host, c.Port = "127.0.0.1", standby.Superuser().Port
	b := open(t, c)
	for _, err := range []error{b.health.Ready(b.ctx), b.health.Ping(b.ctx)} {
		require.ErrorIs(t, err, tenant.ErrUnavailable)
		require.ErrorContains(t, err, "standby")
	}
	require.NoError(t, postgres.Confirm(b.ctx, b.pool), "it may be promoted")
	standby.Promote()
	eventually(t, "it is promoted", func() bool { return b.health.Ready(b.ctx) == nil })
	b.accept(t, "Bethanien")

	// The same two after the first one was replaced, and taken out of use.
	primary.Refuse(true)
	eventually(t, "the other one is taken", func() bool {
		found := 0
		err := both.pool.QueryRow(both.ctx, `SELECT count(*) FROM tenants WHERE name = 'Bethanien'`).Scan(&found)
		return err == nil && found == 1
	})
	both.accept(t, "Nordend")
	require.Equal(t, 2, b.count(t, `SELECT count(*) FROM tenants WHERE name IN ('Bethanien', 'Nordend')`))
	require.NotEqual(t, port, c.Port)
}
