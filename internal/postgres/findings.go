package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Findings are what the reconciler has found, with what became of it.
type Findings struct{ pool database }

// NewFindings reads and writes findings on a pool.
func NewFindings(pool *pgxpool.Pool) *Findings { return &Findings{pool: database{pool}} }

// maxFindings bounds a listing; more would tell a reader nothing.
const maxFindings = 1000

const findingColumns = `f.id, f.kind, f.subject, coalesce(f.tenant_id::text, ''), coalesce(f.operation_id::text, ''),
	f.detail, f.repair, f.safe, f.state, f.first_seen, f.last_seen, f.resolved_at, coalesce(f.resolved_by, '')`

func scanFinding(row pgx.CollectableRow) (tenant.Finding, error) {
	var f tenant.Finding
	var resolved *time.Time
	err := row.Scan(&f.ID, &f.Kind, &f.Subject, &f.Tenant, &f.Operation, &f.Detail, &f.Repair, &f.Safe, &f.State,
		&f.FirstSeen, &f.LastSeen, &resolved, &f.ResolvedBy)
	f.ResolvedAt = orZero(resolved)
	return f, err
}

// Find reads one finding. The error is tenant.ErrNotFound when there is
// none.
func (fs *Findings) Find(ctx context.Context, id tenant.FindingID) (tenant.Finding, error) {
	found, err := fs.list(ctx, `f.id = $1`, int64(id))
	if err != nil {
		return tenant.Finding{}, err
	}
	if len(found) == 0 {
		return tenant.Finding{}, fmt.Errorf("finding %s: %w", id, tenant.ErrNotFound)
	}
	return found[0], nil
}

// Open lists the newest 1,000 of what is open, newest first.
func (fs *Findings) Open(ctx context.Context) ([]tenant.Finding, error) {
	return fs.list(ctx, `f.state = 'open' ORDER BY f.id DESC LIMIT $1`, maxFindings)
}

// RepairedSince lists what the reconciler has repaired by itself from then on, in
// the order in which it did.
func (fs *Findings) RepairedSince(ctx context.Context, began time.Time) ([]tenant.Finding, error) {
	return fs.list(ctx, `f.state = 'repaired' AND f.resolved_by = $1 AND f.resolved_at >= $2 ORDER BY f.resolved_at, f.id LIMIT $3`,
		tenant.ReconcilerActor, began, maxFindings)
}

// Safe lists up to limit open findings that the reconciler repairs by
// itself, in the order of their ids.
func (fs *Findings) Safe(ctx context.Context, after tenant.FindingID, limit int) ([]tenant.Finding, error) {
	return fs.list(ctx, `f.state = 'open' AND f.safe AND f.id > $1 ORDER BY f.id LIMIT $2`, int64(after), limit)
}

func (fs *Findings) list(ctx context.Context, which string, args ...any) ([]tenant.Finding, error) {
	rows, err := fs.pool.Query(ctx, `SELECT `+findingColumns+` FROM findings f WHERE `+which, args...)
	if err != nil {
		return nil, fmt.Errorf("read the findings: %w", interpret(err))
	}
	found, err := pgx.CollectRows(rows, scanFinding)
	if err != nil {
		return nil, fmt.Errorf("read the findings: %w", interpret(err))
	}
	return found, nil
}

// Now is the database's clock, by which findings are dated.
func (fs *Findings) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	if err := fs.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("read the database's clock: %w", interpret(err))
	}
	return now, nil
}

// RecordSweep writes what was found, and closes as gone what was looked for
// and not found again. What is told of a tenant that is being worked on stays
// as it is: it is about to change.
func (fs *Findings) RecordSweep(ctx context.Context, sweep tenant.Sweep) error {
	err := fs.pool.inTx(ctx, func(tx pgx.Tx) error {
		if err := writeFindings(ctx, tx, sweep.Found); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT settle_installation(), settle_events()`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			UPDATE findings f SET state = 'gone', resolved_at = now(), resolved_by = 'reconciler'
			WHERE f.state IN ('open', 'dismissed') AND f.kind = ANY ($1) AND f.last_seen < $2
			  AND ($3::text[] IS NULL OR f.subject = ANY ($3)
				OR f.kind IN ('active-without-contract', 'contract-status-differs') AND NOT EXISTS (SELECT FROM tenants t WHERE t.id = f.tenant_id AND t.status IN ('ACTIVE', 'SUSPENDED', 'ARCHIVED'))
				OR f.kind = 'failed-with-contract' AND NOT EXISTS (SELECT FROM tenants t WHERE t.id = f.tenant_id AND t.status IN ('FAILED', 'DELETED')))
			  AND (f.kind IN ('run-closed', 'never-started', 'two-open-operations', 'status-differs', 'generation-differs') OR NOT EXISTS (
				SELECT FROM operations o WHERE o.tenant_id = f.tenant_id AND o.state NOT IN ('SUCCEEDED', 'ROLLED_BACK')))`,
			sweep.Kinds, sweep.Began, sweep.Subjects)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the findings: %w", interpret(err))
	}
	return nil
}

// writeFindings opens findings, or brings those that are known up to date.
func writeFindings(ctx context.Context, tx pgx.Tx, found []tenant.Finding) error {
	if len(found) == 0 {
		return nil
	}
	rows, err := json.Marshal(found)
	if err != nil {
		return fmt.Errorf("encode findings: %w", err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO findings AS f (kind, subject, tenant_id, operation_id, detail, repair, safe, first_seen, last_seen)
		SELECT DISTINCT ON (kind, subject) kind, subject, nullif(tenant, '')::uuid, nullif(operation, '')::uuid, detail, repair, safe,
			clock_timestamp(), clock_timestamp()
		FROM jsonb_to_recordset($1::jsonb) AS n (kind text, subject text, tenant text, operation text, detail text, repair text, safe boolean)
		ON CONFLICT (kind, subject) WHERE state IN ('open', 'dismissed') DO UPDATE
		SET last_seen = excluded.last_seen, detail = excluded.detail, repair = excluded.repair, safe = excluded.safe`, string(rows))
	return err
}

// Resolve closes an open finding and audits who did it and why. It
// reports false when the finding is not open any more.
func (fs *Findings) Resolve(ctx context.Context, f tenant.Finding, to tenant.FindingState, who tenant.Caller, reason string) (bool, error) {
	resolved := false
	err := fs.pool.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE findings SET state = $2, resolved_at = now(), resolved_by = $3 WHERE id = $1 AND state = 'open'`,
			int64(f.ID), string(to), who.Actor)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		resolved = true
		_, err = tx.Exec(ctx, `
			INSERT INTO audit_log (actor, actor_claimed, action, outcome, tenant_id, operation_id, reason, detail)
			VALUES ($1, $2, $3, 'accepted', nullif($4, '')::uuid, nullif($5, '')::uuid, nullif($6, ''), $7)`,
			who.Actor, who.Claimed, "finding-"+string(to), string(f.Tenant), string(f.Operation), reason,
			fmt.Sprintf("%s %s %s", f.ID, f.Kind, f.Subject))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("close finding %s: %w", f.ID, interpret(err))
	}
	return resolved, nil
}

// recordSkippedUndo opens a finding for what an administrator leaves behind by
// skipping an undo: of a provisioning the one that the reconciler would make of it,
// otherwise one that names the operation.
func recordSkippedUndo(ctx context.Context, tx pgx.Tx, m tenant.Move) error {
	var schema, contract string
	err := tx.QueryRow(ctx, `
		SELECT schema_name, coalesce(contract_id, (
			SELECT contract_id FROM stellar_transactions WHERE tenant_id = t.id AND generation = $2 AND contract_id IS NOT NULL LIMIT 1), '')
		FROM tenants t WHERE id = $1`, string(m.Fence.Tenant), m.Fence.Generation).Scan(&schema, &contract)
	if err != nil {
		return err
	}
	f := tenant.Finding{Tenant: m.Fence.Tenant, Operation: m.Fence.Operation, Detail: "an administrator has skipped an undo: " + m.Reason}
	switch m.Step { //nolint:exhaustive // the other undos leave nothing that a kind of its own tells of
	case tenant.StepCreateSchema, tenant.StepRunMigrations, tenant.StepSeedRolesAndUser:
		f.Kind, f.Subject = tenant.FindingFailedWithSchema, schema
	case tenant.StepDeployContract, tenant.StepStoreContract:
		f.Kind, f.Subject = tenant.FindingFailedWithContract, contract
	}
	f.Repair = f.Kind.Repair()
	if f.Subject == "" {
		f.Kind, f.Subject, f.Repair = tenant.FindingUndoSkipped, string(m.Fence.Operation), "look for what was left behind, then dismiss the finding"
	}
	return writeFindings(ctx, tx, []tenant.Finding{f})
}
