-- +goose Up

-- Work on all tenants: one row for a run, and one for each tenant in it
-- (internal/tenant/fleet.go says what the words mean).
CREATE TABLE fleet_runs (
    id           uuid PRIMARY KEY,
    kind         text NOT NULL,
    state        text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'RUNNING', 'PAUSED', 'ABORTING', 'COMPLETED', 'FAILED', 'ABORTED')),
    -- The workflow that has the run: the first of its chain, the same over a
    -- continue-as-new and a reset. Null until one has claimed it, and after the
    -- reconciler has seen that it is closed.
    run_id       text,
    settings     jsonb NOT NULL,
    -- What the kind alone understands, such as the version that it migrates to.
    params       jsonb NOT NULL DEFAULT '{}',
    -- Whether the tenants are written down, and in how many waves.
    planned      boolean NOT NULL DEFAULT false,
    waves        integer NOT NULL DEFAULT 0,
    -- How many failures a person has seen and gone on with: the budget counts from
    -- there.
    accepted_failures integer NOT NULL DEFAULT 0,
    -- Why it is in its state, or what it waits for, in plain words.
    note         text,
    requested_by text NOT NULL,
    reason       text NOT NULL,
    client       text NOT NULL,
    -- Hashed as those of operations are; null where none was given.
    key_hash     bytea,
    request_hash bytea,
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX fleet_runs_one_open ON fleet_runs (kind) WHERE state NOT IN ('COMPLETED', 'FAILED', 'ABORTED');
CREATE UNIQUE INDEX fleet_runs_once ON fleet_runs (client, key_hash) WHERE key_hash IS NOT NULL;

CREATE TABLE fleet_items (
    fleet_id    uuid NOT NULL REFERENCES fleet_runs ON DELETE CASCADE,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    wave        integer NOT NULL,
    state       text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'DONE', 'FAILED', 'SKIPPED')),
    attempts    integer NOT NULL DEFAULT 0,
    error_class text,
    error       text,
    -- Before then it is not tried again.
    due_at      timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (fleet_id, tenant_id)
) WITH (fillfactor = 80);
CREATE INDEX fleet_items_pending ON fleet_items (fleet_id, wave, tenant_id) WHERE state = 'PENDING';
CREATE INDEX fleet_items_failed ON fleet_items (fleet_id, tenant_id) WHERE state = 'FAILED';

-- The first statement of a transaction that works on one tenant of a run: it locks
-- the tenant's row in it. TP001: the run is paused, over, or has another workflow.
-- TP002: the tenant is done already.
-- +goose StatementBegin
CREATE FUNCTION pass_fleet_fence(fleet uuid, tenant uuid, run text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE item text;
BEGIN
    SELECT i.state INTO item FROM fleet_items i WHERE i.fleet_id = fleet AND i.tenant_id = tenant FOR UPDATE;
    IF NOT EXISTS (SELECT FROM fleet_runs r WHERE r.id = fleet AND r.run_id = run AND r.state = 'RUNNING') OR item IS NULL THEN
        RAISE EXCEPTION 'superseded' USING ERRCODE = 'TP001';
    ELSIF item <> 'PENDING' THEN
        RAISE EXCEPTION 'the tenant is done already' USING ERRCODE = 'TP002';
    END IF;
END $$;
-- +goose StatementEnd

-- Applies a file of the template to the schema of one tenant of a run, with the version
-- that it leads to; the last one ends the work on the tenant. One statement, since what a
-- statement costs beside the file is most of what a quick file costs. TP001 also: the
-- schema is not where it was any more.
-- +goose StatementBegin
CREATE FUNCTION migrate_schema(fleet uuid, tenant uuid, run text, name text, gen integer, at bigint, leads_to bigint, is_last boolean, lock_wait text, script text)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pass_fleet_fence(fleet, tenant, run);
    PERFORM set_config('lock_timeout', lock_wait, true);
    UPDATE tenant_schema_versions v SET version = leads_to, updated_at = now()
    WHERE v.schema_name = name AND v.tenant_id = tenant AND v.generation = gen AND v.version = at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'superseded' USING ERRCODE = 'TP001';
    END IF;
    EXECUTE script;
    IF is_last THEN
        UPDATE fleet_items i SET state = 'DONE', attempts = attempts + 1, error_class = NULL, error = NULL, finished_at = now(), updated_at = now()
        WHERE i.fleet_id = fleet AND i.tenant_id = tenant;
    END IF;
END $$;
-- +goose StatementEnd

-- What a run becomes is an event: every other change of a state goes through here.
-- +goose StatementBegin
CREATE FUNCTION record_fleet() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (type, data)
    VALUES ('fleet.' || lower(NEW.state), jsonb_build_object('fleetRunId', NEW.id, 'fleetKind', NEW.kind, 'fleetState', NEW.state));
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER fleet_runs_record_insert AFTER INSERT ON fleet_runs
    FOR EACH ROW EXECUTE FUNCTION record_fleet();
CREATE TRIGGER fleet_runs_record_update AFTER UPDATE OF state ON fleet_runs
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION record_fleet();

-- +goose Down
DROP TABLE fleet_items, fleet_runs;
DROP FUNCTION record_fleet, migrate_schema, pass_fleet_fence;
