-- +goose Up

-- An incident, and the mail about it, must find room when the disk is full: the
-- tables and their indexes keep the pages that a first row needs. VACUUM would
-- give an empty one back.
ALTER TABLE incidents SET (vacuum_truncate = false);
INSERT INTO incidents (id, dependency, cause, affected) OVERRIDING SYSTEM VALUE
SELECT 0, 'database', 'takes up room', 0 WHERE NOT EXISTS (SELECT FROM incidents);
DELETE FROM incidents WHERE id = 0;

ALTER TABLE notices SET (vacuum_truncate = false);
INSERT INTO notices (batch, recipient) SELECT gen_random_uuid(), '' WHERE NOT EXISTS (SELECT FROM notices);
DELETE FROM notices WHERE recipient = '';

-- +goose Down
ALTER TABLE notices RESET (vacuum_truncate);
ALTER TABLE incidents RESET (vacuum_truncate);
