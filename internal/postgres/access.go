package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Access is what a tenant's role can do in its schema, and the statuses in which it
// can do nothing.
type Access struct{ pool database }

// NewAccess ends and gives back access on a pool.
func NewAccess(pool *pgxpool.Pool) *Access { return &Access{pool: database{pool}} }

// RevokeAccess ends what a tenant's role can do in its schema. The privilege is
// looked at by each statement, also of a connection that has taken the role
// already, so its next one fails. The tables keep their grants. Repeating it
// changes nothing, and neither does a schema that is gone.
func (a *Access) RevokeAccess(ctx context.Context, f tenant.Fence) error {
	err := a.pool.doStep(ctx, f, tenant.StepRevokeAccess, func(b *pgx.Batch) {
		b.Queue(`SELECT revoke_access(schema_name, role_name) FROM tenants WHERE id = $1::uuid`, string(f.Tenant))
	})
	if err != nil {
		return err
	}
	return a.endUse(ctx, f)
}

// endUse ends the application's sessions that still hold locks in the schema of a
// tenant whose access has ended: a statement that was running goes on otherwise.
// Where DB_USERNAME may not end a session, a finding names it.
func (a *Access) endUse(ctx context.Context, f tenant.Fence) error {
	rows, err := a.pool.Query(ctx, `
		SELECT DISTINCT a.pid, coalesce(a.usename, ''), t.schema_name
		FROM tenants t JOIN pg_namespace n ON n.nspname = t.schema_name JOIN pg_class c ON c.relnamespace = n.oid `+holders+`
		WHERE t.id = $1::uuid`, string(f.Tenant))
	if err != nil {
		return stepError(tenant.StepRevokeAccess, err)
	}
	sessions, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h holder, err error) { return h, row.Scan(&h.pid, &h.user, &h.schema) })
	if err != nil {
		return stepError(tenant.StepRevokeAccess, err)
	}
	for _, h := range sessions {
		_, err := a.pool.Exec(ctx, `SELECT pg_terminate_backend($1)`, h.pid)
		if err == nil {
			continue
		}
		if sqlState(err) != stateNoPrivilege {
			return stepError(tenant.StepRevokeAccess, err)
		}
		err = a.pool.inTx(ctx, func(tx pgx.Tx) error {
			return writeFindings(ctx, tx, []tenant.Finding{{
				Kind: tenant.FindingAccessInUse, Subject: h.schema, Tenant: f.Tenant, Operation: f.Operation,
				Detail: fmt.Sprintf("a statement of the login %s (process %d) that began before the access ended is still at work in the schema %s, and DB_USERNAME may not end it", h.user, h.pid, h.schema),
				Repair: tenant.FindingAccessInUse.Repair(),
			}})
		})
		if err != nil {
			return stepError(tenant.StepRevokeAccess, err)
		}
	}
	return nil
}

// holder is a session that holds a lock in a schema.
type holder struct {
	pid          int32
	user, schema string
}

// RestoreAccess undoes RevokeAccess, also where it never ran, or where the schema
// is gone.
func (a *Access) RestoreAccess(ctx context.Context, f tenant.Fence) error {
	started := time.Now()
	err := a.pool.inTx(ctx, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(passFence, fenceArgs(f)...)
		b.Queue(`SELECT give_access(schema_name, role_name) FROM tenants WHERE id = $1::uuid AND to_regnamespace(quote_ident(schema_name)) IS NOT NULL`, string(f.Tenant))
		logUndone(b, f, tenant.StepRevokeAccess, time.Since(started))
		return run(ctx, tx, b)
	})
	if err != nil {
		return stepError(tenant.StepRevokeAccess, err)
	}
	return nil
}

// giveAccess lets a tenant's role use its schema.
func giveAccess(b *pgx.Batch, f tenant.Fence) {
	b.Queue(`SELECT give_access(schema_name, role_name) FROM tenants WHERE id = $1::uuid`, string(f.Tenant))
}

// MarkSuspended writes that a tenant's access has ended for now.
func (a *Access) MarkSuspended(ctx context.Context, f tenant.Fence) error {
	return a.pool.doStep(ctx, f, tenant.StepMarkSuspended, func(b *pgx.Batch) {
		completeStage(b, f, tenant.StepMarkSuspended, `NOT pivot_passed`)
		clearArchive(b, f)
	})
}

// MarkArchived writes that a tenant is archived, from which status, and until when
// it can be taken back: for grace from now. The second time keeps that.
func (a *Access) MarkArchived(ctx context.Context, f tenant.Fence, grace time.Duration) error {
	return a.pool.doStep(ctx, f, tenant.StepMarkArchived, func(b *pgx.Batch) {
		b.Queue(`UPDATE tenants t SET archived_from = o.from_status, purge_after = now() + $2::interval
			FROM operations o WHERE o.id = $1 AND NOT o.pivot_passed AND t.id = o.tenant_id`, string(f.Operation), grace)
		completeStage(b, f, tenant.StepMarkArchived, `NOT pivot_passed`)
	})
}

// GiveBack makes a tenant active again that was suspended or archived: its role can
// use its schema from the same commit on.
func (t *Transitions) GiveBack(ctx context.Context, f tenant.Fence) error {
	return t.pool.doStep(ctx, f, tenant.StepMarkActive, func(b *pgx.Batch) {
		giveAccess(b, f)
		completeStage(b, f, tenant.StepMarkActive, `NOT pivot_passed`)
		clearArchive(b, f)
	})
}

// clearArchive ends the grace period of an archive that is taken back.
func clearArchive(b *pgx.Batch, f tenant.Fence) {
	if f.OfKind() == tenant.KindUndelete {
		b.Queue(`UPDATE tenants SET archived_from = NULL, purge_after = NULL WHERE id = $1`, string(f.Tenant))
	}
}
