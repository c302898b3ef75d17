-- +goose Up

-- Since when a rollback is blocked: the first time, however often it was tried
-- again since.
ALTER TABLE operations ADD COLUMN blocked_since timestamptz;
UPDATE operations SET blocked_since = updated_at WHERE state = 'ROLLBACK_BLOCKED';

CREATE OR REPLACE VIEW operations_waiting AS
SELECT id, tenant_id, state, failed_step, failure_class, failure_reason, attempts,
    allowed_actions(state, pivot_passed) AS allowed_actions, attention_deadline,
    CASE state WHEN 'ROLLBACK_BLOCKED' THEN coalesce(blocked_since, updated_at) ELSE updated_at END AS since
FROM operations WHERE state IN ('NEEDS_ATTENTION', 'ROLLBACK_BLOCKED');

-- +goose Down
CREATE OR REPLACE VIEW operations_waiting AS
SELECT id, tenant_id, state, failed_step, failure_class, failure_reason, attempts,
    allowed_actions(state, pivot_passed) AS allowed_actions, attention_deadline, updated_at AS since
FROM operations WHERE state IN ('NEEDS_ATTENTION', 'ROLLBACK_BLOCKED');
ALTER TABLE operations DROP COLUMN blocked_since;
