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
	return i.holdBy(`PERFORM pg_advisory_xact_lock_shared(%d);`, table, condition)
}

// holdRowForGood is holdRow for what is written in any case when it is released,
// also if whoever sent it gave it up while the test was not looking.
func (i *installation) holdRowForGood(table, condition string) hold {
	i.t.Helper()
	return i.holdBy(`LOOP
			BEGIN
				PERFORM pg_advisory_xact_lock_shared(%d);
				EXIT;
			EXCEPTION WHEN query_canceled THEN
			END;
		END LOOP;`, table, condition)
}

func (i *installation) holdBy(wait, table, condition string) hold {
	i.t.Helper()
	key := rand.Int64()
	name := fmt.Sprintf("hold_%d", uint64(key))
	_, err := i.db.Exec(i.t.Context(), fmt.Sprintf(`
		CREATE FUNCTION %[1]s() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN %[2]s RETURN NEW; END $$;
		CREATE TRIGGER %[1]s BEFORE INSERT OR UPDATE ON %[3]s FOR EACH ROW WHEN (%[4]s) EXECUTE FUNCTION %[1]s();`,
		name, fmt.Sprintf(wait, key), table, condition))
	require.NoError(i.t, err)
	conn, err := pgx.ConnectConfig(i.t.Context(), i.db.Config().ConnConfig)
	require.NoError(i.t, err)
	_, err = conn.Exec(i.t.Context(), `SELECT pg_advisory_lock($1)`, key)
	require.NoError(i.t, err)
	h := hold{t: i.t, what: "writing " + table + " where " + condition, held: func() int {
		return value[int](i, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND (classid::bigint << 32 | objid::bigint) = $1`, key)
	}}
	h.release = sync.OnceFunc(func() { _ = conn.Close(context.WithoutCancel(i.t.Context())) }) // and with it the lock
	i.t.Cleanup(h.release)
	return h
}
