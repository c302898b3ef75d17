-- +goose Up

-- What a tenant's contract is found by in one generation, beside the deployer: without
-- it nobody who knows the tenant's id can tell which contract is the tenant's. A
-- generation that has none was accepted before: its contract follows from the id.
CREATE TABLE contract_nonces (
    tenant_id  uuid NOT NULL REFERENCES tenants,
    generation integer NOT NULL,
    nonce      bytea NOT NULL CHECK (octet_length(nonce) = 32),
    PRIMARY KEY (tenant_id, generation)
);

-- What a failed attempt is put down to: a step of the ledger fails by the ledger, or by
-- who signs for it.
ALTER TABLE provisioning_logs ADD COLUMN dependency text;

ALTER TABLE incidents DROP CONSTRAINT incidents_dependency_check;
ALTER TABLE incidents ADD CONSTRAINT incidents_dependency_check CHECK (dependency IN ('database', 'ledger', 'mail', 'signer'));

-- +goose Down
DROP TABLE contract_nonces;
DELETE FROM incidents WHERE dependency = 'signer';
ALTER TABLE incidents DROP CONSTRAINT incidents_dependency_check;
ALTER TABLE incidents ADD CONSTRAINT incidents_dependency_check CHECK (dependency IN ('database', 'ledger', 'mail'));
ALTER TABLE provisioning_logs DROP COLUMN dependency;
