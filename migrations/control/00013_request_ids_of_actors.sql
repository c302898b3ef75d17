-- +goose Up

-- A request id belongs to its actor: two people who use the same one, such as a
-- ticket's number, have made two requests.
DROP INDEX audit_log_once;
CREATE UNIQUE INDEX audit_log_once ON audit_log (operation_id, action, request_id, outcome, actor) WHERE request_id IS NOT NULL;

-- +goose Down
DROP INDEX audit_log_once;
CREATE UNIQUE INDEX audit_log_once ON audit_log (operation_id, action, request_id, outcome) WHERE request_id IS NOT NULL;
