package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// SetLegalHold keeps a tenant from being purged, or changes who does so and why. A
// purge that has begun is *tenant.RemovedError.
func (ts *Tenants) SetLegalHold(ctx context.Context, id tenant.ID, e tenant.AuditEntry) (tenant.Tenant, error) {
	return ts.changeHold(ctx, id, e, `UPDATE tenants t SET legal_hold = jsonb_build_object('setBy', $2::text, 'setAt', now(), 'reason', $3::text),
		version = version + 1, updated_at = now() WHERE id = $1`, e.Actor, e.Reason)
}

// LiftLegalHold ends a hold. A tenant that has none stays as it is.
func (ts *Tenants) LiftLegalHold(ctx context.Context, id tenant.ID, e tenant.AuditEntry) (tenant.Tenant, error) {
	return ts.changeHold(ctx, id, e, `UPDATE tenants t SET legal_hold = NULL, version = version + 1, updated_at = now() WHERE id = $1 AND legal_hold IS NOT NULL`)
}

// changeHold locks the open operation before the tenant, as every step does. The
// claim of a purge locks the tenant as well: it sees the hold, or the hold the claim.
func (ts *Tenants) changeHold(ctx context.Context, id tenant.ID, e tenant.AuditEntry, change string, args ...any) (tenant.Tenant, error) {
	var changed tenant.Tenant
	err := ts.pool.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM operations WHERE tenant_id = $1 AND state NOT IN ('SUCCEEDED', 'ROLLED_BACK') FOR UPDATE`, string(id)); err != nil {
			return err
		}
		if err := refuseRemoved(ctx, tx, id); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, change, append([]any{string(id)}, args...)...)
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		if tag.RowsAffected() > 0 {
			b.Queue(recordOfTenant, string(id), strings.ReplaceAll(e.Action, "-", "_"))
		}
		b.Queue(`SELECT `+tenantColumns+` FROM tenants t WHERE t.id = $1`, string(id)).Query(one(scanTenant, &changed))
		if err := run(ctx, tx, b); err != nil {
			return err
		}
		return audit(ctx, tx, e)
	})
	if err != nil {
		return tenant.Tenant{}, fmt.Errorf("%s of tenant %s: %w", e.Action, id, interpret(err))
	}
	return changed, nil
}

// refuseRemoved locks a tenant, and refuses a change of one that is being removed
// for good, or is.
func refuseRemoved(ctx context.Context, tx pgx.Tx, id tenant.ID) error {
	if err := tx.QueryRow(ctx, `SELECT id FROM tenants WHERE id = $1 FOR UPDATE`, string(id)).Scan(&id); err != nil {
		return err
	}
	var status tenant.Status
	var removing bool
	err := tx.QueryRow(ctx, `SELECT t.status, `+beingRemoved+` FROM tenants t WHERE t.id = $1`, string(id)).Scan(&status, &removing)
	if err == nil && (removing || status == tenant.StatusDeleted) {
		err = &tenant.RemovedError{Status: status}
	}
	return err
}
