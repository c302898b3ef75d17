package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Contracts is what the rows tell of tenants' contracts. What was sent for them is
// in StellarJournal.
type Contracts struct{ pool database }

// NewContracts writes about contracts on a pool.
func NewContracts(pool *pgxpool.Pool) *Contracts { return &Contracts{pool: database{pool}} }

// BeginDeployment passes the fence and logs the start of an attempt at the
// contract step. It returns the contract's id when an earlier attempt has
// stored it already; then there is nothing to do.
func (c *Contracts) BeginDeployment(ctx context.Context, f tenant.Fence) (attempt tenant.AttemptID, stored string, err error) {
	err = c.pool.inTx(ctx, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(passFence, fenceArgs(f)...)
		b.Queue(`SELECT coalesce(contract_id, '') FROM tenants WHERE id = $1`, string(f.Tenant)).
			QueryRow(func(row pgx.Row) error { return row.Scan(&stored) })
		if err := run(ctx, tx, b); err != nil || stored != "" {
			return err
		}
		b = &pgx.Batch{}
		beginAttempt(b, f, tenant.StepDeployContract, &attempt)
		return run(ctx, tx, b)
	})
	if err != nil {
		return attempt, "", stepError(tenant.StepDeployContract, err)
	}
	return attempt, stored, nil
}

// CompleteDeployment writes the contract's address and completes both steps that
// the deployment covers. What another attempt has stored already is not stored
// again.
func (c *Contracts) CompleteDeployment(ctx context.Context, f tenant.Fence, attempt tenant.AttemptID, contractID string) error {
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(f)...)
	completeAttempt(b, f, tenant.StepDeployContract, attempt)
	b.Queue(`
		WITH stored AS (
			UPDATE tenants SET contract_id = $4, version = version + 1, updated_at = now()
			WHERE id = $1 AND contract_id IS DISTINCT FROM $4 RETURNING id
		)
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, started_at, duration_ms)
		SELECT $1, $2, $3, 'COMPLETED', next_attempt($2, $3), now(), extract(epoch FROM clock_timestamp() - now()) * 1000 FROM stored`,
		string(f.Tenant), string(f.Operation), string(tenant.StepStoreContract), contractID)
	if err := c.pool.run(ctx, b); err != nil {
		return stepError(tenant.StepStoreContract, err)
	}
	return nil
}

// Terminated logs that the contract was ended. Its address leaves the
// tenant's row with the rollback; the journal of transactions keeps it.
func (c *Contracts) Terminated(ctx context.Context, f tenant.Fence, took time.Duration) error {
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(f)...)
	giveUpAttempts(b, f, tenant.StepDeployContract)
	for _, step := range []tenant.Step{tenant.StepStoreContract, tenant.StepDeployContract} {
		logUndone(b, f, step, took)
	}
	if err := c.pool.run(ctx, b); err != nil {
		return stepError(tenant.StepDeployContract, err)
	}
	return nil
}

// BeginStatus passes the fence and logs the start of an attempt at a step
// that sets the contract's status. It tells the tenant's contract, if there is one,
// and whether an earlier attempt has done the step.
func (c *Contracts) BeginStatus(ctx context.Context, f tenant.Fence, step tenant.Step) (attempt tenant.AttemptID, contractID string, done bool, err error) {
	err = c.pool.inTx(ctx, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(passFence, fenceArgs(f)...)
		b.Queue(`SELECT coalesce(contract_id, ''), EXISTS (SELECT FROM provisioning_logs WHERE operation_id = $2 AND step = $3 AND status = 'COMPLETED')
			FROM tenants WHERE id = $1`, string(f.Tenant), string(f.Operation), string(step)).
			QueryRow(func(row pgx.Row) error { return row.Scan(&contractID, &done) })
		if err := run(ctx, tx, b); err != nil || done {
			return err
		}
		b = &pgx.Batch{}
		beginAttempt(b, f, step, &attempt)
		return run(ctx, tx, b)
	})
	if err != nil {
		return attempt, "", false, stepError(step, err)
	}
	return attempt, contractID, done, nil
}

// CompleteStatus writes that the contract's status was set.
func (c *Contracts) CompleteStatus(ctx context.Context, f tenant.Fence, step tenant.Step, attempt tenant.AttemptID) error {
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(f)...)
	completeAttempt(b, f, step, attempt)
	if err := c.pool.run(ctx, b); err != nil {
		return stepError(step, err)
	}
	return nil
}

// Find is the tenant's contract; empty where it has none.
func (c *Contracts) Find(ctx context.Context, f tenant.Fence) (contractID string, err error) {
	err = c.pool.QueryRow(ctx, `SELECT coalesce(contract_id, '') FROM tenants WHERE id = $1`, string(f.Tenant)).Scan(&contractID)
	if err != nil {
		return "", fmt.Errorf("read the contract of tenant %s: %w", f.Tenant, interpret(err))
	}
	return contractID, nil
}

// StatusUndone logs that the contract has the status that it had before the
// step.
func (c *Contracts) StatusUndone(ctx context.Context, f tenant.Fence, step tenant.Step, took time.Duration) error {
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(f)...)
	giveUpAttempts(b, f, step)
	logUndone(b, f, step, took)
	if err := c.pool.run(ctx, b); err != nil {
		return stepError(step, err)
	}
	return nil
}

// giveUpAttempts closes the attempts at a step that is being undone.
func giveUpAttempts(b *pgx.Batch, f tenant.Fence, step tenant.Step) {
	b.Queue(`
		UPDATE provisioning_logs SET status = 'FAILED', error = 'the attempt was given up',
			duration_ms = extract(epoch FROM clock_timestamp() - started_at) * 1000
		WHERE operation_id = $1 AND step = $2 AND status = 'IN_PROGRESS'`, string(f.Operation), string(step))
}

// logUndone writes that a step's effect was undone, if the log has the step, once.
func logUndone(b *pgx.Batch, f tenant.Fence, step tenant.Step, took time.Duration) {
	b.Queue(`
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, undo_duration_ms)
		SELECT $1, $2, $3, 'ROLLED_BACK', next_attempt($2, $3), $4
		WHERE EXISTS (SELECT FROM provisioning_logs WHERE operation_id = $2 AND step = $3)
		  AND NOT EXISTS (SELECT FROM provisioning_logs WHERE operation_id = $2 AND step = $3 AND status = 'ROLLED_BACK')`,
		string(f.Tenant), string(f.Operation), string(step), milliseconds(took))
}
