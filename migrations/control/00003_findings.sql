-- +goose Up

-- How often a run that was terminated or gone has been replaced: from the
-- first time on, a run finds that others have worked before it.
ALTER TABLE operations ADD COLUMN takeovers integer NOT NULL DEFAULT 0;

-- What does not fit together: something left behind, something missing,
-- something that nobody works on. People call one F-000123.
CREATE TABLE findings (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL,
    -- What it is about: the name of a schema or role, an operation's id, a
    -- contract's address.
    subject      text NOT NULL,
    tenant_id    uuid REFERENCES tenants,
    operation_id uuid REFERENCES operations,
    -- In plain words: what was found, and what a repair would do.
    detail       text NOT NULL,
    repair       text NOT NULL,
    -- True where the reconciler repairs it by itself.
    safe         boolean NOT NULL,
    -- open; repaired; dismissed: a person has looked at it and lives with it;
    -- gone: it was no longer true when it was looked for.
    state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'repaired', 'dismissed', 'gone')),
    first_seen   timestamptz NOT NULL DEFAULT now(),
    last_seen    timestamptz NOT NULL DEFAULT now(),
    resolved_at  timestamptz,
    resolved_by  text,
    CHECK ((resolved_at IS NULL) = (state = 'open'))
);
-- One that was dismissed is not found anew for as long as it stays true.
CREATE UNIQUE INDEX findings_once ON findings (kind, subject) WHERE state IN ('open', 'dismissed');
CREATE INDEX findings_by_state ON findings (state, id DESC);

-- +goose Down
DROP TABLE findings;
ALTER TABLE operations DROP COLUMN takeovers;
