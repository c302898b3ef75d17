-- +goose Up

-- Every transaction for Stellar, written before it is sent, so that after any
-- doubt the network can be asked about it and the same bytes be sent again.
CREATE TABLE stellar_transactions (
    -- The hash without the fee (of the inner transaction), in hex: raising the
    -- bid leaves it the same. Explorers and RPC servers find it.
    hash         text PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
    -- Both null when the transaction serves all tenants: the contract's code,
    -- the channel accounts.
    tenant_id    uuid REFERENCES tenants,
    operation_id uuid REFERENCES operations,
    generation   integer,
    purpose      text NOT NULL CHECK (purpose IN ('DEPLOY_CONTRACT', 'SET_STATUS', 'UPLOAD_CODE', 'CREATE_CHANNELS')),
    contract_id  text,
    -- The status that a SET_STATUS gives the contract.
    target_status text CHECK (target_status IN ('active', 'suspended', 'terminated')),
    -- PREPARED: may have been sent. SENT: a server took it. APPLIED: in a
    -- ledger, with its effect. FAILED: in a ledger, without. EXPIRED: in no
    -- ledger and never can be. REJECTED: invalid in every ledger.
    state        text NOT NULL CHECK (state IN ('PREPARED', 'SENT', 'APPLIED', 'FAILED', 'EXPIRED', 'REJECTED')),
    result_code  text,
    -- The network's passphrase.
    network      text NOT NULL,
    -- The account whose sequence number the transaction uses.
    channel      text NOT NULL,
    sequence     bigint NOT NULL,
    -- The signed envelope as it is sent, base64 of its XDR.
    envelope     text NOT NULL,
    -- The newest ledger known before it was first sent.
    after_ledger bigint NOT NULL,
    -- No ledger that closes later can hold the transaction.
    max_time     timestamptz NOT NULL,
    -- The ledger that holds it, or by which it was known never to be applied.
    ledger       bigint,
    -- What was paid, in stroops.
    fee_charged  bigint,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at      timestamptz,
    settled_at   timestamptz,
    CHECK ((tenant_id IS NULL) = (generation IS NULL)),
    CHECK ((tenant_id IS NULL) = (operation_id IS NULL)),
    CHECK ((purpose = 'SET_STATUS') = (target_status IS NOT NULL)),
    CHECK ((settled_at IS NULL) = (state IN ('PREPARED', 'SENT')))
);
-- One generation of a tenant has at most one transaction that made its
-- contract or still may.
CREATE UNIQUE INDEX stellar_transactions_one_contract ON stellar_transactions (tenant_id, generation)
    WHERE purpose = 'DEPLOY_CONTRACT' AND state IN ('PREPARED', 'SENT', 'APPLIED');
CREATE UNIQUE INDEX stellar_transactions_one_open ON stellar_transactions (tenant_id, generation, purpose)
    WHERE state IN ('PREPARED', 'SENT');
-- The network takes one transaction at a time from an account.
CREATE UNIQUE INDEX stellar_transactions_one_per_channel ON stellar_transactions (network, channel)
    WHERE state IN ('PREPARED', 'SENT');
CREATE INDEX stellar_transactions_of_tenant ON stellar_transactions (tenant_id, generation, created_at);

-- The accounts that lend their sequence number to a transaction, one at a
-- time. The deployer is one of them, for what it must send itself.
CREATE TABLE stellar_channels (
    network      text NOT NULL,
    address      text NOT NULL,
    -- That of the newest transaction known to be in a ledger; 0 when only the
    -- ledger knows.
    sequence     bigint NOT NULL DEFAULT 0,
    lease_token  uuid,
    -- Free when in the past. With a transaction under way it is past that
    -- transaction's max_time.
    leased_until timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (network, address)
);

-- +goose Down
DROP TABLE stellar_channels, stellar_transactions;
