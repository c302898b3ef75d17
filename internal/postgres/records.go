package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Records is what has happened, of both logs, with what has left the database.
type Records struct{ pool database }

// NewRecords reads and moves records on a pool.
func NewRecords(pool *pgxpool.Pool) *Records { return &Records{pool: database{pool}} }

const (
	stepColumns = `'provisioning', l.id, l.created_at AS at, l.tenant_id::text, l.operation_id::text, l.step, l.status, l.attempt,
		l.duration_ms, l.undo_duration_ms, coalesce(l.error_class, ''), coalesce(l.error, ''), l.passing, coalesce(l.dependency, ''), l.started_at, '', false, '', '', '', '', ''`
	auditColumns = `'audit', l.id, l.at, coalesce(l.tenant_id::text, ''), coalesce(l.operation_id::text, ''), '', '', 0,
		NULL, NULL, '', '', false, '', NULL, l.actor, l.actor_claimed, l.action, l.outcome, coalesce(l.request_id, ''), coalesce(l.reason, ''), coalesce(l.detail, '')`
)

func scanRecord(row pgx.CollectableRow) (tenant.Record, error) {
	var r tenant.Record
	err := row.Scan(&r.Source, &r.ID, &r.At, &r.Tenant, &r.Operation, &r.Step, &r.Status, &r.Attempt,
		&r.DurationMS, &r.UndoDurationMS, &r.ErrorClass, &r.Error, &r.Passing, &r.Dependency, &r.StartedAt,
		&r.Actor, &r.ActorClaimed, &r.Action, &r.Outcome, &r.RequestID, &r.Reason, &r.Detail)
	return r, err
}

// In gives the records of a time that the database still has and that come after a
// position, the earliest first, at most as many as that.
func (rs *Records) In(ctx context.Context, q tenant.RecordQuery, after tenant.RecordPosition, most int) ([]tenant.Record, error) {
	since := q.Since
	if after.At.After(since) {
		since = after.At // by which the index finds the page
	}
	return rs.read(ctx, `
		(SELECT `+stepColumns+` FROM provisioning_logs l
			WHERE l.created_at >= $1 AND l.created_at < $2 AND (l.created_at, 'provisioning', l.id) > ($5, $6::text, $7)
			  AND ($3 = '' OR l.tenant_id = nullif($3, '')::uuid) ORDER BY l.created_at, l.id LIMIT $4)
		UNION ALL
		(SELECT `+auditColumns+` FROM audit_log l
			WHERE l.at >= $1 AND l.at < $2 AND (l.at, 'audit', l.id) > ($5, $6::text, $7)
			  AND ($3 = '' OR l.tenant_id = nullif($3, '')::uuid) ORDER BY l.at, l.id LIMIT $4)
		ORDER BY at, 1, 2 LIMIT $4`, since, q.Until, string(q.Tenant), most, after.At, string(after.Source), after.ID)
}

// Old gives the logs of some operations that have ended so long ago, and that a later one
// of their tenant has followed: the log of its latest operation stays, for that is how the
// tenant stands. An attempt that the log has as under way must be closed first, which the
// reconciler does.
func (rs *Records) Old(ctx context.Context, age time.Duration, operations int) ([]tenant.Record, error) {
	return rs.read(ctx, `
		SELECT `+stepColumns+` FROM provisioning_logs l WHERE l.operation_id IN (
			SELECT o.id FROM operations o
			WHERE o.log_archive IS NULL AND o.finished_at < now() - $1::interval AND o.state IN ('SUCCEEDED', 'ROLLED_BACK')
			  AND EXISTS (SELECT FROM operations n WHERE n.tenant_id = o.tenant_id AND n.id > o.id)
			  AND EXISTS (SELECT FROM provisioning_logs p WHERE p.operation_id = o.id)
			  AND NOT EXISTS (SELECT FROM provisioning_logs p WHERE p.operation_id = o.id AND p.status = 'IN_PROGRESS')
			ORDER BY o.finished_at LIMIT $2) ORDER BY l.id`, age, operations)
}

func (rs *Records) read(ctx context.Context, sql string, args ...any) ([]tenant.Record, error) {
	rows, err := rs.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the logs: %w", interpret(err))
	}
	found, err := pgx.CollectRows(rows, scanRecord)
	if err != nil {
		return nil, fmt.Errorf("read the logs: %w", interpret(err))
	}
	return found, nil
}

// errMovedAlready is a batch that is not as it was read.
var errMovedAlready = errors.New("the logs have changed since they were read, or another worker has moved them")

// errDraftGone is an object that was begun so long ago that a later round has removed it.
var errDraftGone = errors.New("the object was taken for left behind, and was removed; the next round writes another")

// Begin notes that an object of this name may come to be in the store.
func (rs *Records) Begin(ctx context.Context, name string) error {
	if _, err := rs.pool.Exec(ctx, `INSERT INTO log_drafts (name) VALUES ($1)`, name); err != nil {
		return fmt.Errorf("note that logs are written to the backup store: %w", interpret(err))
	}
	return nil
}

// Moved notes that an archive that was begun has these records, and deletes them, in one
// transaction. It deletes nothing unless all of them are there.
func (rs *Records) Moved(ctx context.Context, a tenant.LogArchive, records []tenant.Record) error {
	ids, operations := make([]int64, len(records)), make([]string, len(records))
	for n, r := range records {
		ids[n], operations[n] = r.ID, string(r.Operation)
	}
	err := rs.pool.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM log_drafts WHERE name = $1`, a.Name)
		if err == nil && tag.RowsAffected() == 0 {
			err = errDraftGone
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO log_archives (name, rows, from_at, to_at, bytes, sha256) VALUES ($1, $2, $3, $4, $5, $6)`,
			a.Name, a.Rows, a.From, a.To, a.Bytes, a.SHA256[:])
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE operations SET log_archive = $1 WHERE id = ANY ($2::text[]::uuid[]) AND log_archive IS NULL`, a.Name, operations); err != nil {
			return err
		}
		tag, err = tx.Exec(ctx, `DELETE FROM provisioning_logs l USING operations o WHERE l.id = ANY ($1) AND o.id = l.operation_id AND o.log_archive = $2`, ids, a.Name)
		if err == nil && tag.RowsAffected() != int64(len(ids)) {
			err = errMovedAlready
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("note that %d lines of the log are in the backup store: %w", len(records), interpret(err))
	}
	return nil
}

// Discard has an object removed that was begun so long ago and that nothing refers to, and
// tells whether there was one. Whoever has begun it and is still at it cannot note it meanwhile.
func (rs *Records) Discard(ctx context.Context, age time.Duration, remove func(ctx context.Context, name string) error) (there bool, err error) {
	err = rs.pool.inTx(ctx, func(tx pgx.Tx) error {
		var name string
		err := tx.QueryRow(ctx, `SELECT name FROM log_drafts WHERE begun_at < now() - $1::interval ORDER BY begun_at LIMIT 1 FOR UPDATE SKIP LOCKED`, age).Scan(&name)
		if err != nil {
			return ifThere(err)
		}
		there = true
		if err := remove(ctx, name); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM log_drafts WHERE name = $1`, name)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("remove logs that a round has left in the backup store: %w", interpret(err))
	}
	return there, nil
}

// Archives lists those that have records of a time.
func (rs *Records) Archives(ctx context.Context, since, until time.Time) ([]tenant.LogArchive, error) {
	rows, err := rs.pool.Query(ctx, `SELECT name, rows, from_at, to_at, bytes, sha256 FROM log_archives WHERE to_at >= $1 AND from_at < $2 ORDER BY from_at, name`, since, until)
	if err != nil {
		return nil, fmt.Errorf("read which logs are in the backup store: %w", interpret(err))
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a tenant.LogArchive, err error) {
		var sum []byte
		err = row.Scan(&a.Name, &a.Rows, &a.From, &a.To, &a.Bytes, &sum)
		copy(a.SHA256[:], sum)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("read which logs are in the backup store: %w", interpret(err))
	}
	return found, nil
}

// DeleteAudit deletes entries of the audit log that are so old, at most some of them, and
// tells how many. Those of a tenant with a legal hold stay. A setting's year has 365.25
// days and six years of the calendar may have half a day more: one day is added.
func (rs *Records) DeleteAudit(ctx context.Context, age time.Duration, most int) (int, error) {
	tag, err := rs.pool.Exec(ctx, `
		DELETE FROM audit_log WHERE id IN (
			SELECT l.id FROM audit_log l WHERE l.at < now() - $1::interval - interval '1 day'
			  AND NOT EXISTS (SELECT FROM tenants t WHERE t.id = l.tenant_id AND t.legal_hold IS NOT NULL)
			ORDER BY l.at, l.id LIMIT $2)`, age, most)
	if err != nil {
		return 0, fmt.Errorf("delete old entries of the audit log: %w", interpret(err))
	}
	return int(tag.RowsAffected()), nil
}
