package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// keyAge is how long an idempotency key is remembered: far longer than anybody
	// repeats a request.
	keyAge = 30 * 24 * time.Hour
	// eventAge is how long what has changed is told to streams, and requests are
	// vouched for.
	eventAge = 90 * 24 * time.Hour
	// careBatch is how many rows one statement deletes, so that none holds locks long.
	careBatch = 5000
)

// Care is what a maintenance window does to the database.
type Care struct{ pool database }

// NewCare cares for the database of a pool.
func NewCare(pool *pgxpool.Pool) *Care { return &Care{pool: database{pool}} }

// needsVacuum are the tables of ours of which a tenth, and a thousand rows, is dead or
// has changed since it was analysed: what autovacuum leaves at its default for long.
const needsVacuum = `
	SELECT s.schemaname, s.relname FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
	WHERE greatest(s.n_dead_tup, s.n_mod_since_analyze) > 1000 + 0.1 * s.n_live_tup AND pg_has_role(c.relowner, 'USAGE')
	ORDER BY s.n_dead_tup DESC, s.relid`

// Vacuum vacuums and analyses the tables that need it. It may be repeated at any time:
// what is done needs it no more. A table that somebody has locked is left for the next
// time.
func (c *Care) Vacuum(ctx context.Context, progress func(string)) (did string, err error) {
	rows, err := c.pool.Query(ctx, needsVacuum)
	if err != nil {
		return "", fmt.Errorf("look for tables to vacuum: %w", interpret(err))
	}
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (pgx.Identifier, error) {
		name := make(pgx.Identifier, 2)
		return name, row.Scan(&name[0], &name[1])
	})
	if err != nil {
		return "", fmt.Errorf("look for tables to vacuum: %w", interpret(err))
	}
	for n, table := range tables {
		progress(fmt.Sprintf("table %d of %d", n+1, len(tables)))
		_, err := c.pool.Exec(ctx, `VACUUM (ANALYZE, SKIP_LOCKED) `+table.Sanitize())
		if gone, ok := errors.AsType[*pgconn.PgError](err); ok && (gone.Code == stateNoTable || gone.Code == stateNoSchema) {
			continue // its tenant was purged meanwhile
		}
		if err != nil {
			return "", fmt.Errorf("vacuum %s: %w", table.Sanitize(), interpret(err))
		}
	}
	return fmt.Sprintf("vacuumed and analysed %d tables", len(tables)), nil
}

// CleanUp deletes rows that nobody needs any more: idempotency keys of closed
// operations, events, and the vouching for requests. It may be repeated at any time.
func (c *Care) CleanUp(ctx context.Context, progress func(string)) (did string, err error) {
	var done []string
	for _, of := range []struct{ what, which string }{
		{"idempotency keys", `idempotency_keys WHERE (client, key_hash) IN (SELECT k.client, k.key_hash FROM idempotency_keys k JOIN operations o ON o.id = k.operation_id
			WHERE k.created_at < now() - $1::interval AND o.state IN ('SUCCEEDED', 'ROLLED_BACK') LIMIT $2)`},
		// The newest stays: caches know by it that they are fresh.
		{"events", `events WHERE id IN (SELECT id FROM events WHERE at < now() - $1::interval AND id < (SELECT max(id) FROM events) ORDER BY id LIMIT $2)`},
		{"vouchings", `vouched_requests WHERE (operation_id, action, request_id, actor) IN (SELECT v.operation_id, v.action, v.request_id, v.actor FROM vouched_requests v
			JOIN operations o ON o.id = v.operation_id WHERE v.at < now() - $1::interval AND o.state IN ('SUCCEEDED', 'ROLLED_BACK') LIMIT $2)`},
	} {
		age, deleted := eventAge, int64(0)
		if of.what == "idempotency keys" {
			age = keyAge
		}
		for {
			progress(of.what)
			tag, err := c.pool.Exec(ctx, `DELETE FROM `+of.which, age, careBatch)
			if err != nil {
				return "", fmt.Errorf("clean up the %s: %w", of.what, interpret(err))
			}
			deleted += tag.RowsAffected()
			if tag.RowsAffected() < careBatch {
				break
			}
		}
		done = append(done, fmt.Sprintf("%d %s", deleted, of.what))
	}
	return "deleted " + strings.Join(done, ", "), nil
}
