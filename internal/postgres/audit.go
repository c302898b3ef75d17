package postgres

import (
	"context"
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// Audit appends an entry to the audit log. An entry with a request id is
// written once, however often it is repeated.
func (s *Store) Audit(ctx context.Context, e tenant.AuditEntry) error {
	_, err := s.pool.Exec(ctx, `
		INSERT INTO audit_log (actor, actor_claimed, action, outcome, tenant_id, operation_id, request_id, reason, detail)
		VALUES ($1, $2, $3, $4, nullif($5, '')::uuid, nullif($6, '')::uuid, nullif($7, ''), nullif($8, ''), nullif($9, ''))
		ON CONFLICT (operation_id, action, request_id) WHERE request_id IS NOT NULL DO NOTHING`,
		e.Actor, e.Claimed, e.Action, e.Outcome, string(e.Tenant), string(e.Operation), e.RequestID, e.Reason, e.Detail)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", interpret(err))
	}
	return nil
}
