-- +goose Up

-- Objects of logs in the backup store to which nothing refers: a round is writing them, or
-- was killed and has left them there. Each is noted before it is written, so that a later
-- round finds what it must remove.
CREATE TABLE log_drafts (
    name     text PRIMARY KEY,
    begun_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE log_drafts;
