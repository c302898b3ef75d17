package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// value asks the database for one value, past the product.
func value[T any](i *installation, sql string, args ...any) T {
	i.t.Helper()
	var v T
	require.NoError(i.t, i.db.QueryRow(i.t.Context(), sql, args...).Scan(&v), sql)
	return v
}

// holdRow holds whoever writes a row of a table that satisfies a condition on
// NEW, before it is written: a trigger waits for a lock that the test has.
func (i *installation) holdRow(table, condition string) hold {
	i.t.Helper()
	key := rand.Int64()
	name := fmt.Sprintf("hold_%d", uint64(key))
	_, err := i.db.Exec(i.t.Context(), fmt.Sprintf(`
		CREATE FUNCTION %[1]s() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_advisory_xact_lock_shared(%[2]d); RETURN NEW; END $$;
		CREATE TRIGGER %[1]s BEFORE INSERT OR UPDATE ON %[3]s FOR EACH ROW WHEN (%[4]s) EXECUTE FUNCTION %[1]s();`,
		name, key, table, condition))
	require.NoError(i.t, err)
	return i.hold("writing "+table+" where "+condition,
		fmt.Sprintf(`SELECT pg_advisory_lock(%d)`, key),
		fmt.Sprintf(`SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND (classid::bigint << 32 | objid::bigint) = %d)`, key))
}

// hold takes a lock on a connection of its own, which release closes.
func (i *installation) hold(what, lock, waiting string) hold {
	i.t.Helper()
	conn, err := pgx.ConnectConfig(i.t.Context(), i.db.Config().ConnConfig)
	require.NoError(i.t, err)
	_, err = conn.Exec(i.t.Context(), lock)
	require.NoError(i.t, err)
	h := hold{t: i.t, what: what, reached: func() bool { return value[bool](i, waiting) }}
	h.release = sync.OnceFunc(func() { _ = conn.Close(context.WithoutCancel(i.t.Context())) }) // which ends its transaction and gives back its locks
	i.t.Cleanup(h.release)
	return h
}

// lockOperation holds whoever wants to change an operation's row.
func (i *installation) lockOperation(id string) hold {
	i.t.Helper()
	return i.hold("waiting for the operation's row",
		fmt.Sprintf(`BEGIN; SELECT FROM operations WHERE id = '%s' FOR UPDATE`, id),
		`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`)
}
