-- +goose Up

-- What a failed attempt is put down to: a step of the ledger fails by the ledger, or by
-- who signs for it.
ALTER TABLE provisioning_logs ADD COLUMN dependency text;

ALTER TABLE incidents DROP CONSTRAINT incidents_dependency_check;
ALTER TABLE incidents ADD CONSTRAINT incidents_dependency_check CHECK (dependency IN ('database', 'ledger', 'mail', 'signer'));

-- +goose Down
DELETE FROM incidents WHERE dependency = 'signer';
ALTER TABLE incidents DROP CONSTRAINT incidents_dependency_check;
ALTER TABLE incidents ADD CONSTRAINT incidents_dependency_check CHECK (dependency IN ('database', 'ledger', 'mail'));
ALTER TABLE provisioning_logs DROP COLUMN dependency;
