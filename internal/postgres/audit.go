package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// AuditLog is who has asked for what. It is only ever appended to.
type AuditLog struct{ pool database }

// NewAuditLog appends to the audit log on a pool.
func NewAuditLog(pool *pgxpool.Pool) *AuditLog { return &AuditLog{pool: database{pool}} }

// Append appends an entry to the audit log. An entry with a request id, which
// belongs to its actor, is written once for each outcome, however often it is
// repeated: what was refused may be accepted later.
func (l *AuditLog) Append(ctx context.Context, e tenant.AuditEntry) error {
	if err := audit(ctx, l.pool, e); err != nil {
		return fmt.Errorf("write the audit log: %w", interpret(err))
	}
	return nil
}

func audit(ctx context.Context, db interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}, e tenant.AuditEntry,
) error {
	// No index is named, so that this program goes on when a later one has
	// another rule.
	_, err := db.Exec(ctx, `
		INSERT INTO audit_log (actor, actor_claimed, action, outcome, tenant_id, operation_id, request_id, reason, detail)
		VALUES ($1, $2, $3, $4, nullif($5, '')::uuid, nullif($6, '')::uuid, nullif($7, ''), nullif($8, ''), nullif($9, ''))
		ON CONFLICT DO NOTHING`,
		e.Actor, e.Claimed, e.Action, e.Outcome, string(e.Tenant), string(e.Operation), e.RequestID, e.Reason, e.Detail)
	return err
}

// AppendRequest is Append for a request that reached an operation's run. Its actor
// is claimed unless the API has vouched for it.
func (l *AuditLog) AppendRequest(ctx context.Context, e tenant.AuditEntry) error {
	err := l.pool.inTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			SELECT NOT EXISTS (SELECT FROM vouched_requests WHERE operation_id = $1 AND action = $2 AND request_id = $3 AND actor = $4)`,
			string(e.Operation), e.Action, e.RequestID, e.Actor).Scan(&e.Claimed)
		if err != nil {
			return err
		}
		return audit(ctx, tx, e)
	})
	if err != nil {
		return fmt.Errorf("write the audit log: %w", interpret(err))
	}
	return nil
}

// Vouch notes that the actor of a request is who it says: the run that gets it
// over Temporal can't know.
func (l *AuditLog) Vouch(ctx context.Context, id tenant.OperationID, action tenant.Action, r tenant.ActionRequest) error {
	_, err := l.pool.Exec(ctx, `
		INSERT INTO vouched_requests (operation_id, action, request_id, actor) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		string(id), string(action), r.RequestID, r.Actor)
	if err != nil {
		return fmt.Errorf("note who acts: %w", interpret(err))
	}
	return nil
}

// ActionTaken reports whether an action with this request id of this actor was
// accepted before.
func (l *AuditLog) ActionTaken(ctx context.Context, id tenant.OperationID, action tenant.Action, r tenant.ActionRequest) (bool, error) {
	var taken bool
	err := l.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM audit_log
			WHERE operation_id = $1 AND action = $2 AND request_id = $3 AND actor = $4 AND outcome = 'accepted')`,
		string(id), string(action), r.RequestID, r.Actor).Scan(&taken)
	if err != nil {
		return false, fmt.Errorf("read the audit log: %w", interpret(err))
	}
	return taken, nil
}
