package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// passFence is the first statement of every step's transaction.
const passFence = `SELECT pass_fence($1::uuid, $2::uuid, $3::integer, $4::text, $5::text)`

func fenceArgs(f tenant.Fence) []any {
	return []any{string(f.Operation), string(f.Tenant), f.Generation, f.Run, string(f.State)}
}

// ifThere takes a row that is not there for no error.
func ifThere(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}

// run sends statements in one round trip, as one transaction.
func run(ctx context.Context, db interface {
	SendBatch(context.Context, *pgx.Batch) pgx.BatchResults
}, b *pgx.Batch,
) error {
	return db.SendBatch(ctx, b).Close()
}
