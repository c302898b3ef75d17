package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// Reprovision records that a FAILED tenant is to be provisioned anew, with its
// new operation, the client's idempotency key and the audit entry, in one
// transaction; this wakes a dispatcher. A key that was used before for the same
// tenant returns that request's operation.
func (s *Store) Reprovision(ctx context.Context, r tenant.Reprovisioning) (tenant.Operation, error) {
	var repeated tenant.OperationID
	var accepted tenant.Operation
	err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
		repeated, err = findRepeat(ctx, tx, r.Operation.Client, r.IdempotencyKey, r.RequestHash)
		if err != nil || repeated != "" {
			return err
		}
		generation, err := nextGeneration(ctx, tx, r.Tenant)
		if err != nil {
			return err
		}
		return run(ctx, tx, reprovisioning(r, generation, &accepted))
	})
	if err != nil {
		return tenant.Operation{}, fmt.Errorf("provision tenant %s anew: %w", r.Tenant, interpret(err))
	}
	if repeated != "" {
		return s.Operation(ctx, repeated)
	}
	return accepted, nil
}

// nextGeneration turns the tenant from FAILED to PENDING. The unique index of
// the names in use refuses it while another tenant holds the name.
func nextGeneration(ctx context.Context, tx pgx.Tx, id tenant.ID) (generation int, err error) {
	var status tenant.Status
	var name string
	if err := tx.QueryRow(ctx, `SELECT status, name FROM tenants WHERE id = $1 FOR UPDATE`, string(id)).Scan(&status, &name); err != nil {
		return 0, err
	}
	if status != tenant.StatusFailed {
		return 0, fmt.Errorf("%w: it is %s", tenant.ErrNotFailed, status)
	}
	err = tx.QueryRow(ctx, `
		UPDATE tenants SET status = 'PENDING', name_key = $2, generation = generation + 1, contract_id = NULL, failure_reason = NULL,
			version = version + 1, updated_at = now()
		WHERE id = $1 RETURNING generation`, string(id), tenant.NameKey(name)).Scan(&generation)
	if errors.Is(interpret(err), tenant.ErrNameTaken) {
		return 0, tenant.ErrNameTaken
	}
	return generation, err
}

func reprovisioning(r tenant.Reprovisioning, generation int, accepted *tenant.Operation) *pgx.Batch {
	o := r.Operation
	o.TenantID, o.Generation = r.Tenant, generation
	b := &pgx.Batch{}
	openOperation(b, o, r.IdempotencyKey, r.RequestHash, accepted)
	b.Queue(`
		INSERT INTO audit_log (actor, actor_claimed, action, outcome, tenant_id, operation_id, reason)
		VALUES ($1, $2, 'reprovision', 'accepted', $3, $4, nullif($5, ''))`,
		r.Actor, r.Claimed, string(r.Tenant), string(o.ID), r.Reason)
	return b
}
