-- +goose Up

-- Since when a run waits for a person without one having stopped it: more tenants have
-- failed than its budget allows, or it has left some behind. Null otherwise.
ALTER TABLE fleet_runs ADD COLUMN stopped_at timestamptz;
CREATE INDEX fleet_runs_stopped ON fleet_runs (kind, created_at) WHERE stopped_at IS NOT NULL;
CREATE INDEX fleet_runs_by_kind ON fleet_runs (kind, created_at);

-- Notices of what is neither a parking, an incident nor an outage
-- (internal/tenant/trouble.go): what kind of trouble, whose, and since when. They keep
-- what they tell, since a notice that it is over leaves when nothing else tells any more
-- what it was.
ALTER TABLE notices
    ADD COLUMN trouble text,
    ADD COLUMN subject text,
    ADD COLUMN since   timestamptz,
    ADD COLUMN cause   text,
    ADD CONSTRAINT notices_once_of_a_trouble UNIQUE (trouble, subject, since, over, recipient);

-- The mail about a disk that is full must find room in this index too (00005).
INSERT INTO notices (batch, recipient) VALUES (gen_random_uuid(), '');
DELETE FROM notices WHERE recipient = '';

-- +goose Down
ALTER TABLE notices
    DROP CONSTRAINT notices_once_of_a_trouble,
    DROP COLUMN cause,
    DROP COLUMN since,
    DROP COLUMN subject,
    DROP COLUMN trouble;
DROP INDEX fleet_runs_by_kind, fleet_runs_stopped;
ALTER TABLE fleet_runs DROP COLUMN stopped_at;
