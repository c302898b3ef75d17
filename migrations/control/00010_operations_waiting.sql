-- +goose Up

-- What a person may do with an operation now, in the order in which it is
-- offered: the rows of the domain's transition table that begin with retry,
-- skip or rollback. To skip a blocked undo is for administrators.
-- +goose StatementBegin
CREATE FUNCTION allowed_actions(state text, pivot_passed boolean) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN state = 'PENDING' THEN ARRAY['rollback']
        WHEN state = 'RUNNING' AND NOT pivot_passed THEN ARRAY['rollback']
        WHEN state = 'NEEDS_ATTENTION' AND NOT pivot_passed THEN ARRAY['retry', 'rollback']
        WHEN state = 'NEEDS_ATTENTION' THEN ARRAY['retry', 'skip']
        WHEN state = 'ROLLBACK_BLOCKED' THEN ARRAY['retry', 'skip']
        ELSE ARRAY[]::text[]
    END
$$;
-- +goose StatementEnd

-- What waits for a person: why, and what may be done about it.
CREATE VIEW operations_waiting AS
SELECT id, tenant_id, state, failed_step, failure_class, failure_reason, attempts,
    allowed_actions(state, pivot_passed) AS allowed_actions, attention_deadline, updated_at AS since
FROM operations WHERE state IN ('NEEDS_ATTENTION', 'ROLLBACK_BLOCKED');

-- +goose Down
DROP VIEW operations_waiting;
DROP FUNCTION allowed_actions;
