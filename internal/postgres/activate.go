package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// MarkActive makes the tenant active and passes the operation's pivot. Repeating
// it changes nothing. From then on nothing is undone, so it looks whether the
// rows tell of everything that an active tenant has: a database that has lost
// commits (a failover, a restore) may have lost those of an earlier step.
func (s *Store) MarkActive(ctx context.Context, f tenant.Fence) error {
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(f)...)
	b.Queue(`
		WITH activated AS (
			UPDATE tenants SET status = 'ACTIVE', activated_at = coalesce(activated_at, now()), failure_reason = NULL,
				version = version + 1, updated_at = now()
			WHERE id = $1 AND status = 'PROVISIONING' AND contract_id IS NOT NULL
			  AND EXISTS (SELECT FROM tenant_schema_versions v WHERE v.tenant_id = $1 AND v.generation = tenants.generation)
			RETURNING id
		), passed AS (
			UPDATE operations SET pivot_passed = true, updated_at = now() WHERE id = $2 AND EXISTS (SELECT FROM activated)
		)
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, started_at, duration_ms)
		SELECT $1, $2, $3, 'COMPLETED', next_attempt($2, $3), now(), extract(epoch FROM clock_timestamp() - now()) * 1000
		FROM activated`,
		string(f.Tenant), string(f.Operation), string(tenant.StepMarkActive))
	var status tenant.Status
	b.Queue(`SELECT status FROM tenants WHERE id = $1`, string(f.Tenant)).QueryRow(func(row pgx.Row) error { return row.Scan(&status) })
	if err := s.pool.run(ctx, b); err != nil {
		return stepError(tenant.StepMarkActive, err)
	}
	if status != tenant.StatusActive {
		return &tenant.StepError{
			Step: tenant.StepMarkActive, Class: tenant.ClassConflict, Permanent: true,
			Reason: "the tenant's row has no contract, no schema or another status (" + string(status) + "): the database has lost what earlier steps wrote, or somebody changed it",
		}
	}
	return nil
}
