package postgres_test

import (
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// TestALockedDoorIsNoAnswer: whatever a server says instead of letting somebody
// in, it says nothing about the step, which is repeated.
func TestALockedDoorIsNoAnswer(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), postgres.Config{
		Host: "127.0.0.1", Port: letsNobodyIn(t, "XX000"), User: "nobody", Database: "full", SSLMode: "disable",
	})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	b := on(t, pool)

	_, err = b.incidents.List(t.Context())
	require.ErrorIs(t, err, tenant.ErrUnavailable)
	var failure *tenant.StepError
	require.ErrorAs(t, b.schemas.Create(t.Context(), tenant.Fence{}), &failure)
	require.False(t, failure.Permanent, failure.Reason)
	require.NotContains(t, failure.Reason, "by itself", "it may park, and the reason stays")
	require.ErrorIs(t, failure, tenant.ErrUnavailable)
}

// TestAReasonPromisesNothing: it stands on what is parked as well, which nobody
// repeats.
func TestAReasonPromisesNothing(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"25006", "28P01", "42501", "53100", "53300", "57P03", "XX000"} {
		pool, err := postgres.Open(t.Context(), postgres.Config{
			Host: "127.0.0.1", Port: letsNobodyIn(t, code), User: "nobody", Database: "full", SSLMode: "disable",
		})
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		b := on(t, pool)
		var failure *tenant.StepError
		require.ErrorAs(t, b.schemas.Create(t.Context(), tenant.Fence{}), &failure, code)
		require.NotEmpty(t, failure.Reason, code)
		require.NotContains(t, failure.Reason, "by itself", code)
	}
}

// TestALackingPrivilegeIsNoOutage: a step that meets it parks, and says what is
// lacking; it does not wait for the end of anything.
func TestALackingPrivilegeIsNoOutage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := b.claim(t, "Charité")
	b.mustExec(t, `REVOKE INSERT ON provisioning_logs FROM CURRENT_USER`)
	err := b.schemas.Create(b.ctx, f)
	var failure *tenant.StepError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, tenant.ClassAuth, failure.Class)
	require.Contains(t, failure.Reason, "DB_USERNAME lacks a privilege")
	require.NotErrorIs(t, err, tenant.ErrUnavailable)
}

// letsNobodyIn is a server as PostgreSQL is that cannot let in a new connection,
// for the reason that a SQLSTATE names: XX000 where it cannot write its cache of
// the catalog.
func letsNobodyIn(t *testing.T, code string) (port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() }) // which ends the loop
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			door := pgproto3.NewBackend(conn, conn)
			if _, err := door.ReceiveStartupMessage(); err == nil {
				door.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: "could not write init file"})
				_ = door.Flush() // whoever has gone gets no answer
			}
			_ = conn.Close()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is TCP's
}
