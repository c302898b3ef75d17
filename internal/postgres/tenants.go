package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Tenants are the rows of tenants, as callers read them and may change them.
type Tenants struct{ pool database }

// NewTenants reads and changes tenants on a pool.
func NewTenants(pool *pgxpool.Pool) *Tenants { return &Tenants{pool: database{pool}} }

const tenantColumns = `t.id, t.name, t.slug, t.schema_name, t.role_name, t.app_login, t.status, t.generation,
	coalesce(t.contract_id, ''), coalesce(t.admin_email, ''), coalesce(t.admin_first_name, ''), coalesce(t.admin_last_name, ''), t.tier, t.region,
	coalesce(t.failure_reason, ''), t.created_at, t.updated_at, t.activated_at, t.purge_after, coalesce(t.archived_from, ''), t.legal_hold, t.version,
	(SELECT jsonb_build_object('from', i.source_schema, 'administrator', coalesce(i.administrator_id::text, '')) FROM tenant_imports i WHERE i.tenant_id = t.id),
	(SELECT jsonb_build_object('id', o.id, 'kind', o.kind, 'state', o.state) FROM operations o
		WHERE o.tenant_id = t.id AND o.state NOT IN ('SUCCEEDED', 'ROLLED_BACK'))`

func scanTenant(row pgx.CollectableRow) (tenant.Tenant, error) {
	var t tenant.Tenant
	var activated, purge *time.Time
	err := row.Scan(&t.ID, &t.Name, &t.Slug, &t.Schema, &t.Role, &t.AppLogin, &t.Status, &t.Generation,
		&t.ContractID, &t.Administrator.Email, &t.Administrator.FirstName, &t.Administrator.LastName, &t.Tier, &t.Region,
		&t.FailureReason, &t.CreatedAt, &t.UpdatedAt, &activated, &purge, &t.ArchivedFrom, &t.LegalHold, &t.Version, &t.Imported, &t.OpenOperation)
	t.ActivatedAt, t.PurgeAfter = orZero(activated), orZero(purge)
	return t, err
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// Find reads one tenant. The error is tenant.ErrNotFound when there is none.
func (ts *Tenants) Find(ctx context.Context, id tenant.ID) (tenant.Tenant, error) {
	rows, err := ts.pool.Query(ctx, `SELECT `+tenantColumns+` FROM tenants t WHERE t.id = $1`, string(id))
	if err != nil {
		return tenant.Tenant{}, fmt.Errorf("read tenant %s: %w", id, interpret(err))
	}
	t, err := pgx.CollectExactlyOneRow(rows, scanTenant)
	if err != nil {
		return tenant.Tenant{}, fmt.Errorf("read tenant %s: %w", id, interpret(err))
	}
	return t, nil
}

// List lists tenants, newest first. The deleted ones are records: they are in no
// listing that does not ask for them.
func (ts *Tenants) List(ctx context.Context, f tenant.Filter) (tenant.Page[tenant.Tenant], error) {
	l := listingOf("tenants", string(f.Status), tenant.NameKey(f.Name))
	after, err := l.after(f.Cursor)
	if err != nil {
		return tenant.Page[tenant.Tenant]{}, err
	}
	rows, err := ts.pool.Query(ctx, `
		SELECT `+tenantColumns+` FROM tenants t
		WHERE (t.status = $1 OR $1 = '' AND t.status <> 'DELETED')
		  AND ($2 = '' OR t.name_key LIKE '%' || $2 || '%')
		  AND ($3::uuid IS NULL OR t.id < $3)
		ORDER BY t.id DESC LIMIT $4`,
		string(f.Status), escapeLike(tenant.NameKey(f.Name)), after, pageSize(f.Limit)+1)
	if err != nil {
		return tenant.Page[tenant.Tenant]{}, fmt.Errorf("list tenants: %w", interpret(err))
	}
	items, err := pgx.CollectRows(rows, scanTenant)
	if err != nil {
		return tenant.Page[tenant.Tenant]{}, fmt.Errorf("list tenants: %w", interpret(err))
	}
	return page(l, items, f.Limit, func(t tenant.Tenant) string { return string(t.ID) }), nil
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// ChangeAdministrator writes the administrator of a tenant. ifVersion is the
// version that the change is based on; 0 takes any. The user in the tenant's
// schema follows as long as the invitation was not used, and links that were
// sent to an old address end. The entry of the audit log says which fields
// changed, not to what.
func (ts *Tenants) ChangeAdministrator(ctx context.Context, id tenant.ID, c tenant.AdministratorChange, ifVersion int64, e tenant.AuditEntry) (tenant.Tenant, error) {
	var changed tenant.Tenant
	err := ts.pool.inTx(ctx, func(tx pgx.Tx) error {
		if err := refuseRemoved(ctx, tx, id); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT `+tenantColumns+` FROM tenants t WHERE t.id = $1`, string(id))
		if err != nil {
			return err
		}
		t, err := pgx.CollectExactlyOneRow(rows, scanTenant)
		if err != nil {
			return err
		}
		if ifVersion != 0 && ifVersion != t.Version {
			return tenant.ErrVersionMismatch
		}
		admin, err := c.Apply(t.Administrator)
		if err != nil {
			return err
		}
		e.Detail = "nothing changed"
		if changed = t; admin != t.Administrator {
			e.Detail = "changed " + strings.Join(t.Administrator.Differences(admin), ", ")
			if changed, err = writeAdministrator(ctx, tx, t, admin); err != nil {
				return err
			}
		}
		return audit(ctx, tx, e)
	})
	if err != nil {
		return tenant.Tenant{}, fmt.Errorf("change the administrator of tenant %s: %w", id, interpret(err))
	}
	return changed, nil
}

func writeAdministrator(ctx context.Context, tx pgx.Tx, t tenant.Tenant, admin tenant.Administrator) (tenant.Tenant, error) {
	rows, err := tx.Query(ctx, `
		UPDATE tenants t SET admin_email = $2, admin_first_name = $3, admin_last_name = $4,
			addresses = addresses + (admin_email <> $2)::integer, version = version + 1, updated_at = now()
		WHERE id = $1 RETURNING `+tenantColumns, string(t.ID), admin.Email, admin.FirstName, admin.LastName)
	if err != nil {
		return tenant.Tenant{}, err
	}
	changed, err := pgx.CollectExactlyOneRow(rows, scanTenant)
	if err != nil {
		return tenant.Tenant{}, err
	}
	if _, err := tx.Exec(ctx, recordOfTenant, string(t.ID), "changed"); err != nil {
		return tenant.Tenant{}, err
	}
	if admin.Email != t.Administrator.Email {
		if _, err := tx.Exec(ctx, `DELETE FROM invitations WHERE tenant_id = $1 AND used_at IS NULL`, string(t.ID)); err != nil {
			return tenant.Tenant{}, err
		}
	}
	var made bool
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM tenant_schema_versions WHERE tenant_id = $1 AND schema_name = $2)`,
		string(t.ID), t.Schema).Scan(&made)
	if err != nil || !made {
		return changed, err
	}
	_, err = tx.Exec(ctx, `UPDATE `+pgx.Identifier{t.Schema, "users"}.Sanitize()+`
		SET email = $2, first_name = $3, last_name = $4, updated_at = now()
		WHERE id = $1 AND password_hash IS NULL`,
		t.AdministratorID(), admin.Email, admin.FirstName, admin.LastName)
	if sqlState(err) == stateUniqueViolation {
		err = tenant.ErrAddressTaken
	}
	return changed, err
}
