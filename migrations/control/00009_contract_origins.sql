-- +goose Up

-- What this installation's contracts have come from: each administrator that one was
-- made or handed over to, and each code that one was made with. A contract that is found
-- at a tenant's address is taken for ours only if it has both of here; a row is written
-- before the ledger hears of it, and never deleted.
CREATE TABLE contract_origins (
    network    text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('admin', 'code')),
    value      text NOT NULL,
    since      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (network, kind, value)
);

-- Until now the administrator was the deployer, on whose account code is uploaded and
-- channel accounts are made, and the code one of three versions.
INSERT INTO contract_origins (network, kind, value)
SELECT DISTINCT network, 'admin', channel FROM stellar_transactions WHERE purpose IN ('UPLOAD_CODE', 'CREATE_CHANNELS')
UNION
SELECT DISTINCT t.network, 'code', c.hash FROM stellar_transactions t, (VALUES
    ('4ece991cae707eb7a24aba643bb22d17d525789a4804e3299cdf22fee678b01b'),
    ('d417da0236faf092f86a6ac8b83375c9bcb840d3c51ec50c49e54ca5c9414eba'),
    ('c1fb722da9cbc2618bf7a80b950e5b405ff83dec567306525298cb7b1ba341f5')) c (hash);

ALTER TABLE stellar_transactions DROP CONSTRAINT stellar_transactions_purpose_check;
ALTER TABLE stellar_transactions ADD CONSTRAINT stellar_transactions_purpose_check
    CHECK (purpose IN ('DEPLOY_CONTRACT', 'SET_STATUS', 'UPLOAD_CODE', 'CREATE_CHANNELS', 'EXTEND_ENTRIES', 'RESTORE_ENTRIES', 'UPGRADE_CONTRACT', 'PROPOSE_ADMIN', 'ACCEPT_ADMIN'));

-- +goose Down
DELETE FROM stellar_transactions WHERE purpose IN ('PROPOSE_ADMIN', 'ACCEPT_ADMIN');
ALTER TABLE stellar_transactions DROP CONSTRAINT stellar_transactions_purpose_check;
ALTER TABLE stellar_transactions ADD CONSTRAINT stellar_transactions_purpose_check
    CHECK (purpose IN ('DEPLOY_CONTRACT', 'SET_STATUS', 'UPLOAD_CODE', 'CREATE_CHANNELS', 'EXTEND_ENTRIES', 'RESTORE_ENTRIES', 'UPGRADE_CONTRACT'));
DROP TABLE contract_origins;
