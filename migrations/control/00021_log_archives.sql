-- +goose Up

-- Provisioning logs that have left the database for the backup store: of operations that
-- have ended long ago, and that a later one of their tenant has followed.
CREATE TABLE log_archives (
    -- The object in the store.
    name     text PRIMARY KEY,
    rows     integer NOT NULL,
    -- When the first and the last of them were written.
    from_at  timestamptz NOT NULL,
    to_at    timestamptz NOT NULL,
    -- Of the object, by which it is known again.
    bytes    bigint NOT NULL,
    sha256   bytea NOT NULL CHECK (octet_length(sha256) = 32),
    moved_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX log_archives_by_time ON log_archives (to_at);
-- Where the log of an operation is; null: in provisioning_logs.
ALTER TABLE operations ADD COLUMN log_archive text REFERENCES log_archives;
CREATE INDEX operations_by_end ON operations (finished_at) WHERE log_archive IS NULL AND finished_at IS NOT NULL;
-- A page of what happened since then is read in this order.
CREATE INDEX provisioning_logs_by_time ON provisioning_logs (created_at, id);
CREATE INDEX audit_log_by_time ON audit_log (at, id);

-- +goose Down
DROP INDEX audit_log_by_time, provisioning_logs_by_time, operations_by_end;
ALTER TABLE operations DROP COLUMN log_archive;
DROP TABLE log_archives;
