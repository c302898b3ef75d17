package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"tenant-provisioning/internal/tenant"
)

// Audit appends an entry to the audit log. An entry with a request id is
// written once for each outcome, however often it is repeated: what was refused
// may be accepted later.
func (s *Store) Audit(ctx context.Context, e tenant.AuditEntry) error {
	if err := audit(ctx, s.pool, e); err != nil {
		return fmt.Errorf("write the audit log: %w", interpret(err))
	}
	return nil
}

func audit(ctx context.Context, db interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}, e tenant.AuditEntry,
) error {
	_, err := db.Exec(ctx, `
		INSERT INTO audit_log (actor, actor_claimed, action, outcome, tenant_id, operation_id, request_id, reason, detail)
		VALUES ($1, $2, $3, $4, nullif($5, '')::uuid, nullif($6, '')::uuid, nullif($7, ''), nullif($8, ''), nullif($9, ''))
		ON CONFLICT (operation_id, action, request_id, outcome) WHERE request_id IS NOT NULL DO NOTHING`,
		e.Actor, e.Claimed, e.Action, e.Outcome, string(e.Tenant), string(e.Operation), e.RequestID, e.Reason, e.Detail)
	return err
}

// ActionTaken reports whether an action with this request id was accepted
// before.
func (s *Store) ActionTaken(ctx context.Context, id tenant.OperationID, action tenant.Action, requestID string) (bool, error) {
	var taken bool
	err := s.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM audit_log
			WHERE operation_id = $1 AND action = $2 AND request_id = $3 AND outcome = 'accepted')`,
		string(id), string(action), requestID).Scan(&taken)
	if err != nil {
		return false, fmt.Errorf("read the audit log: %w", interpret(err))
	}
	return taken, nil
}
