package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// Mend repairs what the rows of a tenant, or the privileges of its role, lack or
// have wrong. It reports false when there was nothing to repair any more.
func (r *Repairs) Mend(ctx context.Context, f tenant.Finding) (bool, error) {
	var done bool
	var err error
	switch f.Kind {
	case tenant.FindingRoleNotGranted:
		err = r.pool.inTx(ctx, func(tx pgx.Tx) error {
			done, err = grantRole(ctx, tx, f.Tenant)
			return err
		})
	case tenant.FindingAccessNotEnded:
		done, err = r.change(ctx, f, "", `SELECT revoke_access(t.schema_name, t.role_name) FROM tenants t JOIN pg_roles r ON r.rolname = t.role_name
			JOIN pg_namespace n ON n.nspname = t.schema_name WHERE t.id = $1 AND `+ended+` AND has_schema_privilege(r.oid, n.oid, 'USAGE')`)
	case tenant.FindingGrantsMissing:
		done, err = r.restoreGrants(ctx, f.Tenant)
	case tenant.FindingContractUnknown, tenant.FindingContractDiffers:
		done, err = r.change(ctx, f, "the journal names no contract that was made for the tenant in its generation", `
			WITH changed AS (
				UPDATE tenants t SET contract_id = n.contract_id, version = version + 1, updated_at = now()
				FROM (SELECT t.id, j.contract_id FROM tenants t JOIN `+journalled+`) n
				WHERE n.id = t.id AND t.id = $1 AND `+inUse+` AND t.contract_id IS DISTINCT FROM n.contract_id
				RETURNING t.id, t.status
			)
			`+recordChange("repaired"))
	case tenant.FindingStatusDiffers:
		done, err = r.putStatus(ctx, f)
	case tenant.FindingActiveWithoutDate:
		done, err = r.change(ctx, f, "", `
			WITH changed AS (
				UPDATE tenants t SET activated_at = coalesce(`+firstActive+`, now()), version = version + 1, updated_at = now()
				WHERE t.id = $1 AND `+inUse+` AND t.activated_at IS NULL
				RETURNING t.id, t.status
			)
			`+recordChange("repaired"))
	default:
		return false, fmt.Errorf("the database alone does not repair a finding of the kind %s", f.Kind)
	}
	if err != nil {
		return false, mendError(f, err)
	}
	return done, nil
}

// firstActive is when tenant t first became active: when its provisioning did the step or,
// where the log of that lies in the backup store, when the provisioning was done. What a
// later operation has logged is not the first.
const firstActive = `(SELECT coalesce((SELECT min(l.created_at) FROM provisioning_logs l
		WHERE l.operation_id = o.id AND l.step = 'MARK_ACTIVE' AND l.status = 'COMPLETED'), o.finished_at)
	FROM operations o WHERE o.tenant_id = t.id AND o.kind = 'provision' AND o.pivot_passed ORDER BY o.id LIMIT 1)`

// putStatus gives a tenant the status that its latest operation has left, on the
// terms on which a run gives it.
func (r *Repairs) putStatus(ctx context.Context, f tenant.Finding) (done bool, err error) {
	err = r.pool.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+operationColumns+` FROM operations o WHERE o.tenant_id = $1 ORDER BY o.id DESC LIMIT 1 FOR UPDATE`, string(f.Tenant))
		if err != nil {
			return err
		}
		o, err := pgx.CollectExactlyOneRow(rows, scanOperation)
		if err != nil || !o.State.Closed() {
			return ifThere(err)
		}
		left := o.Leaves()
		done, err = transition{
			operation: o.ID, kind: o.Kind, from: o.State, to: o.State, pivotPassed: o.PivotPassed, status: left,
			step: o.FailedStep, class: o.FailureClass, reason: o.FailureReason, provided: fmt.Sprintf(mayHaveStatus, left),
		}.write(ctx, tx)
		return err
	})
	if err != nil || done {
		return done, err
	}
	return r.unlessStillFound(ctx, f, "its latest operation is not closed, or the tenant lacks what the status promises (contract, schema), or it was active")
}

// mayHaveStatus is that a tenant has another status, lacks nothing of what this one
// promises, and loses nothing by it. Its operation o is closed.
const mayHaveStatus = `EXISTS (SELECT FROM tenants t WHERE t.id = o.tenant_id AND t.status <> '%s'
	AND (o.state = 'ROLLED_BACK' AND t.activated_at IS NULL
		OR o.state = 'SUCCEEDED' AND o.pivot_passed AND t.contract_id IS NOT NULL
			AND EXISTS (SELECT FROM tenant_schema_versions v WHERE v.tenant_id = t.id AND v.generation = t.generation)))`

// change writes a repair of a tenant's row. Where it finds nothing to write, it
// looks whether the finding is still true: then it is for a person, because of
// what otherwise says.
func (r *Repairs) change(ctx context.Context, f tenant.Finding, otherwise, sql string) (bool, error) {
	tag, err := r.pool.Exec(ctx, sql, string(f.Tenant))
	if err != nil || tag.RowsAffected() > 0 {
		return err == nil, err
	}
	return r.unlessStillFound(ctx, f, otherwise)
}

// unlessStillFound reports that nothing was repaired. If the finding is still
// true, it is for a person, because of what otherwise says.
func (r *Repairs) unlessStillFound(ctx context.Context, f tenant.Finding, otherwise string) (bool, error) {
	found, _, err := r.comparer.Compare(ctx, f.Kind, 0)
	if err != nil {
		return false, err
	}
	for _, again := range found {
		if again.Subject == f.Subject {
			return false, &tenant.StepError{Class: tenant.ClassConflict, Permanent: true, Reason: otherwise + "; repair it by hand"}
		}
	}
	return false, nil
}

// grantRole makes an active tenant's application login a member of its role, as
// provisioning does.
func grantRole(ctx context.Context, tx pgx.Tx, id tenant.ID) (bool, error) {
	var role, login string
	err := tx.QueryRow(ctx, `
		SELECT t.role_name, t.app_login FROM `+ourRoles+`
		WHERE t.id = $1 AND t.status = 'ACTIVE' AND NOT EXISTS (
			SELECT FROM pg_auth_members m JOIN pg_roles l ON l.oid = m.member WHERE m.roleid = r.oid AND l.rolname = t.app_login)
		FOR UPDATE OF t`, string(id)).Scan(&role, &login)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, `SELECT ensure_app_login($1::text)`, login); err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, `GRANT `+pgx.Identifier{role}.Sanitize()+` TO `+pgx.Identifier{login}.Sanitize())
	return err == nil, err
}

// mendError says what a repair that failed means to whoever has asked for it.
func mendError(f tenant.Finding, err error) error {
	if errors.Is(interpret(err), tenant.ErrNameTaken) {
		return &tenant.StepError{
			Class: tenant.ClassConflict, Permanent: true, Err: err,
			Reason: "another tenant holds the tenant's name by now; repair it by hand",
		}
	}
	return fmt.Errorf("repair %s: %w", f.ID, stepError("", err))
}
