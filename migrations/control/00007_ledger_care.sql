-- +goose Up

-- A channel account that the network takes no transaction from, with our signature:
-- it is left alone until a person has mended it.
ALTER TABLE stellar_channels
    ADD COLUMN set_aside_at  timestamptz,
    ADD COLUMN set_aside_why text,
    ADD CHECK ((set_aside_at IS NULL) = (set_aside_why IS NULL));

-- What was last known of a transaction that an attempt has left open, in words.
ALTER TABLE stellar_transactions ADD COLUMN note text;

-- What a day has cost, and an operation, are asked before each transaction.
CREATE INDEX stellar_transactions_paid ON stellar_transactions (network, settled_at) INCLUDE (fee_charged) WHERE fee_charged > 0;
CREATE INDEX stellar_transactions_of_operation ON stellar_transactions (operation_id) WHERE operation_id IS NOT NULL;

CREATE INDEX stellar_transactions_of_purpose ON stellar_transactions (network, purpose, settled_at) WHERE tenant_id IS NULL;

-- What keeps entries alive is of no tenant, and an upgrade of a contract of no operation.
ALTER TABLE stellar_transactions DROP CONSTRAINT stellar_transactions_purpose_check, ADD CONSTRAINT stellar_transactions_purpose_check
    CHECK (purpose IN ('DEPLOY_CONTRACT', 'SET_STATUS', 'UPLOAD_CODE', 'CREATE_CHANNELS', 'EXTEND_ENTRIES', 'RESTORE_ENTRIES', 'UPGRADE_CONTRACT'));

-- Until when the contract's code and the contracts of living tenants live on the
-- ledger, as the keeper saw it last.
CREATE TABLE stellar_lives (
    network      text NOT NULL,
    -- The contract's address, or the code's hash in hex.
    entry        text NOT NULL,
    -- The contract's; null for the code.
    tenant_id    uuid REFERENCES tenants,
    -- The last ledger in which it lives; null when it is archived, or was not there.
    live_until   bigint,
    archived     boolean NOT NULL,
    -- When that ledger will close, at the pace of the newest ones.
    lives_until  timestamptz,
    looked_at    timestamptz NOT NULL,
    PRIMARY KEY (network, entry)
);

-- +goose Down
DROP TABLE stellar_lives;
DROP INDEX stellar_transactions_of_purpose;
DELETE FROM stellar_transactions WHERE purpose IN ('EXTEND_ENTRIES', 'RESTORE_ENTRIES', 'UPGRADE_CONTRACT');
ALTER TABLE stellar_transactions DROP CONSTRAINT stellar_transactions_purpose_check, ADD CONSTRAINT stellar_transactions_purpose_check
    CHECK (purpose IN ('DEPLOY_CONTRACT', 'SET_STATUS', 'UPLOAD_CODE', 'CREATE_CHANNELS'));
DROP INDEX stellar_transactions_of_operation, stellar_transactions_paid;
ALTER TABLE stellar_transactions DROP COLUMN note;
ALTER TABLE stellar_channels DROP COLUMN set_aside_at, DROP COLUMN set_aside_why;
