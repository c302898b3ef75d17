-- +goose Up

-- What a restore restores, and what it has found when it is done: the moment that the
-- data is from, and the tables that were made again as plain ones.
ALTER TABLE operations ADD COLUMN backup_id uuid, ADD COLUMN restored jsonb;

-- Who owns the schemas that restores make beside tenants' own. scratch: being filled and
-- verified. kept: what the tenant had before, for a day. No tenant's role has a right on
-- any of them.
CREATE TABLE restore_schemas (
    schema_name  text PRIMARY KEY,
    purpose      text NOT NULL CHECK (purpose IN ('scratch', 'kept')),
    tenant_id    uuid NOT NULL REFERENCES tenants,
    operation_id uuid NOT NULL REFERENCES operations,
    -- The version of the template that it has.
    version      bigint NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- From when on it may be dropped, whatever has become of its run.
    drop_after   timestamptz NOT NULL
);
CREATE INDEX restore_schemas_of_tenant ON restore_schemas (tenant_id);

-- Backups that were restored for practice, in a transaction that was undone. One that did
-- not hold says why.
CREATE TABLE restore_drills (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fleet_id    uuid NOT NULL REFERENCES fleet_runs ON DELETE CASCADE,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    backup_id   uuid NOT NULL,
    held        boolean NOT NULL,
    error       text,
    rows        bigint NOT NULL DEFAULT 0,
    bytes       bigint NOT NULL DEFAULT 0,
    duration_ms double precision NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT restore_drills_say_why CHECK (held = (error IS NULL))
);
CREATE INDEX restore_drills_of_tenant ON restore_drills (tenant_id, at DESC);

-- Puts a restored schema into the place of a tenant's own, which is kept under another
-- name, if it is there at all. What functions have in their text is changed with it. The
-- rights of the role are ended on both: whoever calls gives them back.
-- +goose StatementBegin
CREATE FUNCTION swap_schemas(live text, scratch text, kept text, role text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    had boolean := to_regnamespace(quote_ident(live)) IS NOT NULL;
    f   record;
BEGIN
    IF had THEN
        PERFORM revoke_access(live, role);
        EXECUTE format('ALTER SCHEMA %I RENAME TO %I', live, kept);
    END IF;
    EXECUTE format('ALTER SCHEMA %I RENAME TO %I', scratch, live);
    FOR f IN SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
        WHERE p.pronamespace = to_regnamespace(quote_ident(live)) AND p.prokind IN ('f', 'p')
          AND (position(scratch IN p.prosrc) > 0 OR position(scratch IN coalesce(array_to_string(p.proconfig, ' '), '')) > 0)
    LOOP
        EXECUTE replace(f.definition, scratch, live);
    END LOOP;
    PERFORM revoke_access(live, role);
    RETURN had;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION swap_schemas(text, text, text, text);
DROP TABLE restore_drills, restore_schemas;
ALTER TABLE operations DROP COLUMN restored, DROP COLUMN backup_id;
