package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// database is a pool that does once more, on another connection, what was refused
// for reasons of the connection. Nothing of it has happened then: a statement and
// a batch are transactions of their own, and inTx begins anew.
type database struct{ *pgxpool.Pool }

func onceMore(do func() error) error {
	err := do()
	if refusedBySession(err) {
		return do()
	}
	return err
}

// Exec is the pool's.
func (d database) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	err = onceMore(func() error {
		tag, err = d.Pool.Exec(ctx, sql, args...)
		return err
	})
	return tag, err
}

// Query is the pool's.
func (d database) Query(ctx context.Context, sql string, args ...any) (rows pgx.Rows, err error) {
	err = onceMore(func() error {
		rows, err = d.Pool.Query(ctx, sql, args...) //nolint:sqlclosecheck // the caller closes them
		return err
	})
	return &repeatedRows{Rows: rows, again: func() pgx.Rows {
		rows, _ := d.Pool.Query(ctx, sql, args...) // they have the error
		return rows
	}}, err
}

// QueryRow is the pool's.
func (d database) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return repeatedRow(func(into ...any) error {
		return onceMore(func() error { return d.Pool.QueryRow(ctx, sql, args...).Scan(into...) })
	})
}

// run sends statements in one round trip, as one transaction.
func (d database) run(ctx context.Context, b *pgx.Batch) error {
	return onceMore(func() error {
		fresh := &pgx.Batch{} // one is only ever sent once
		for _, q := range b.QueuedQueries {
			fresh.Queue(q.SQL, q.Arguments...).Fn = q.Fn
		}
		return run(ctx, d.Pool, fresh)
	})
}

// inTx runs do in a transaction and commits it if do returns nil. do may be run
// twice.
func (d database) inTx(ctx context.Context, do func(pgx.Tx) error) error {
	return onceMore(func() error { return pgx.BeginFunc(ctx, d.Pool, do) })
}

type repeatedRow func(into ...any) error

func (r repeatedRow) Scan(into ...any) error { return r(into...) }

// repeatedRows asks once more when the refusal comes in place of the first row.
type repeatedRows struct {
	pgx.Rows
	again func() pgx.Rows
}

func (r *repeatedRows) Next() bool {
	again := r.again
	r.again = nil
	if r.Rows.Next() {
		return true
	}
	if again == nil || !refusedBySession(r.Rows.Err()) {
		return false
	}
	r.Rows.Close()
	r.Rows = again()
	return r.Rows.Next()
}
