-- +goose Up

-- The pair of keys of a tenant's backups: archives are encrypted to recipient, and
-- opened by what is in sealed, which is encrypted itself (BACKUP_RECIPIENTS). The
-- store has it too, and no other backup: this table's rows are in none. A purge
-- empties the row and leaves it, so that no key is made again.
CREATE TABLE backup_keys (
    tenant_id    uuid PRIMARY KEY REFERENCES tenants,
    recipient    text,
    sealed       bytea,
    created_at   timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    CONSTRAINT backup_keys_are_whole_or_destroyed CHECK (num_nulls(recipient, sealed) = CASE WHEN destroyed_at IS NULL THEN 0 ELSE 2 END)
);

-- What the store should hold. WRITING: a worker is at it, or was killed at it. GOOD:
-- read back and equal. FAILED: it came to nothing. BROKEN: it was good, and what the
-- store has is refused. DELETING: too old, or its tenant is purged.
CREATE TABLE backups (
    id          uuid PRIMARY KEY,
    -- Null: of the control tables.
    tenant_id   uuid REFERENCES tenants,
    state       text NOT NULL DEFAULT 'WRITING' CHECK (state IN ('WRITING', 'GOOD', 'FAILED', 'BROKEN', 'DELETING')),
    bytes       bigint,
    rows        bigint,
    -- The moment whose state it holds.
    taken_at    timestamptz,
    -- Why it is FAILED or BROKEN.
    error       text,
    verified_at timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX backups_of_tenant ON backups (tenant_id, created_at);
CREATE INDEX backups_unfinished ON backups (created_at) WHERE state <> 'GOOD';

-- +goose Down
DROP TABLE backups, backup_keys;
