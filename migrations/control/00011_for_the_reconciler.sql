-- +goose Up

-- What the reconciler looks for every five minutes among the rows of all that
-- ever was: the few that are under way.
CREATE INDEX provisioning_logs_in_progress ON provisioning_logs (operation_id) WHERE status = 'IN_PROGRESS';
CREATE INDEX emails_sending ON emails (updated_at) WHERE state = 'SENDING';

-- +goose Down
DROP INDEX emails_sending, provisioning_logs_in_progress;
