-- +goose Up

-- A mail about an incident instead of about operations: one to each person when
-- it has lasted, and one, to those who got it, when it is over.
ALTER TABLE notices
    ADD COLUMN incident_id bigint REFERENCES incidents,
    ADD COLUMN over boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT notices_once_of_an_incident UNIQUE (incident_id, over, recipient);

-- +goose Down
DELETE FROM notices WHERE incident_id IS NOT NULL;
ALTER TABLE notices DROP COLUMN incident_id, DROP COLUMN over;
