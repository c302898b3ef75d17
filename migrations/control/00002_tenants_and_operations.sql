-- +goose Up

-- Counts accepted tenants. Each run of 500 shares an application login, since
-- PostgreSQL recomputes a login's memberships after every change of a role.
CREATE SEQUENCE tenant_number MINVALUE 0;

CREATE TABLE tenants (
    id               uuid PRIMARY KEY,
    name             text NOT NULL,
    -- The name as names are compared, and whether this tenant keeps it from being
    -- used by another.
    name_key         text NOT NULL,
    name_held        boolean NOT NULL DEFAULT true,
    -- The key that is held in its place for an operation that takes the tenant's
    -- name, or a new one, until its pivot or its rollback.
    next_name_key    text,
    slug             text NOT NULL,
    schema_name      text NOT NULL UNIQUE CHECK (octet_length(schema_name) <= 63),
    role_name        text NOT NULL UNIQUE CHECK (octet_length(role_name) <= 63),
    app_login        text NOT NULL,
    status           text NOT NULL CHECK (status IN ('PENDING', 'PROVISIONING', 'ACTIVE', 'SUSPENDED', 'FAILED', 'ARCHIVED', 'DELETED')),
    generation       integer NOT NULL DEFAULT 1 CHECK (generation > 0),
    contract_id      text,
    -- NULL once the tenant is purged.
    admin_email      text,
    admin_first_name text,
    admin_last_name  text,
    -- How many addresses the administrator has had.
    addresses        integer NOT NULL DEFAULT 1,
    tier             text NOT NULL,
    region           text NOT NULL,
    failure_reason   text,
    version          bigint NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    activated_at     timestamptz,
    -- Of an archived tenant: from when on its data may be removed for good, and the
    -- status to which it returns when the archive is taken back.
    purge_after      timestamptz,
    archived_from    text,
    -- Who keeps the tenant from being purged, since when and why: {"setBy", "setAt",
    -- "reason"}.
    legal_hold       jsonb,
    CONSTRAINT tenants_administrator_is_erased_by_a_purge CHECK (
        num_nulls(admin_email, admin_first_name, admin_last_name) IN (0, 3)
        AND (admin_email IS NOT NULL OR status IN ('ARCHIVED', 'FAILED', 'DELETED'))
        AND (admin_email IS NULL OR status <> 'DELETED'))
);
CREATE UNIQUE INDEX tenants_name_held ON tenants (coalesce(next_name_key, name_key)) WHERE name_held;
CREATE INDEX tenants_by_status ON tenants (status, id);
CREATE INDEX tenants_due ON tenants (purge_after) WHERE status = 'ARCHIVED';

CREATE TABLE operations (
    id                 uuid PRIMARY KEY,
    tenant_id          uuid NOT NULL REFERENCES tenants,
    kind               text NOT NULL,
    state              text NOT NULL CHECK (state IN ('PENDING', 'RUNNING', 'NEEDS_ATTENTION', 'ROLLING_BACK', 'ROLLBACK_BLOCKED', 'SUCCEEDED', 'ROLLED_BACK')),
    -- What a person may do now, in the order in which it is offered: written with
    -- each transition from the domain's table.
    allowed_actions    text[] NOT NULL DEFAULT '{}',
    generation         integer NOT NULL,
    -- The tenant's status when the operation was accepted; null where the tenant
    -- came with it.
    from_status        text,
    -- Its status once the pivot is passed.
    to_status          text NOT NULL DEFAULT 'ACTIVE',
    -- The name that the tenant has once the pivot is passed; null where it keeps
    -- its own.
    new_name           text,
    pivot_passed       boolean NOT NULL DEFAULT false,
    run_id             text,
    -- How often a run that was terminated or gone has been replaced: from the
    -- first time on, a run finds that others have worked before it.
    takeovers          integer NOT NULL DEFAULT 0,
    failed_step        text,
    failure_class      text CHECK (failure_class IN ('permanent', 'exhausted', 'conflict', 'capacity', 'auth', 'cancelled', 'undo_failed')),
    failure_reason     text,
    attempts           integer NOT NULL DEFAULT 0,
    attention_deadline timestamptz,
    -- Since when its rollback is blocked: the first time, however often it was
    -- tried again since.
    blocked_since      timestamptz,
    -- The operation whose optional steps its acceptance has given up, and whose run
    -- ends before its own is started.
    supersedes         uuid REFERENCES operations,
    -- A purge that nobody has asked for before its time: its claim looks at the
    -- tenant's purge_after once more.
    only_due           boolean NOT NULL DEFAULT false,
    -- Of an invitation that resets a password: which of the tenant's addresses it is
    -- for. It goes to no other.
    resets_address     integer,
    -- What a purge has removed by now; its certificate is made of it.
    removed            jsonb NOT NULL DEFAULT '{}',
    client             text NOT NULL,
    retry_budget       interval NOT NULL,
    attention_period   interval NOT NULL,
    -- Until then another dispatcher leaves a PENDING operation alone.
    dispatch_after     timestamptz NOT NULL DEFAULT now(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    started_at         timestamptz,
    finished_at        timestamptz,
    updated_at         timestamptz NOT NULL DEFAULT now(),
    -- The rule that everything else relies on, where no program can get past it.
    CONSTRAINT operations_active_is_never_undone
        CHECK (NOT pivot_passed OR state NOT IN ('ROLLING_BACK', 'ROLLBACK_BLOCKED', 'ROLLED_BACK'))
);
CREATE UNIQUE INDEX operations_one_open ON operations (tenant_id) WHERE state NOT IN ('SUCCEEDED', 'ROLLED_BACK');
CREATE INDEX operations_pending ON operations (client, created_at) WHERE state = 'PENDING';
-- What a dispatcher has taken and no run has claimed yet, or will soon be free
-- to be taken again: few of the many that wait.
CREATE INDEX operations_leased ON operations (dispatch_after) WHERE state = 'PENDING';
CREATE INDEX operations_waiting_by_kind ON operations (kind, created_at) WHERE state = 'PENDING';
CREATE INDEX operations_open ON operations (state, id) WHERE state NOT IN ('SUCCEEDED', 'ROLLED_BACK');
CREATE INDEX operations_of_tenant ON operations (tenant_id, id DESC);

-- What waits for a person: why, and what may be done about it.
CREATE VIEW operations_waiting AS
SELECT id, tenant_id, state, failed_step, failure_class, failure_reason, attempts, allowed_actions, attention_deadline,
    CASE state WHEN 'ROLLBACK_BLOCKED' THEN coalesce(blocked_since, updated_at) ELSE updated_at END AS since
FROM operations WHERE state IN ('NEEDS_ATTENTION', 'ROLLBACK_BLOCKED');

-- What has changed, in the transaction that changed it: every change that a GET of
-- the API shows has a row. Nothing in data is personal. Ids are given before
-- commits: a reader takes rows of transactions below pg_snapshot_xmin, in the order
-- of (transaction, id).
CREATE TABLE events (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at           timestamptz NOT NULL DEFAULT now(),
    -- Null where it is about no tenant: an incident.
    tenant_id    uuid,
    operation_id uuid,
    type         text NOT NULL,
    data         jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX events_in_order ON events (transaction, id);
CREATE INDEX events_of_operation ON events (operation_id, transaction, id);
CREATE INDEX events_of_tenant ON events (tenant_id, transaction, id);

-- Transactions are numbered by the server. Events that pg_restore has brought from
-- another one may be ahead of its numbers, where nobody would see them: they come
-- before all that happens from now on, in the order of their ids.
-- +goose StatementBegin
CREATE FUNCTION settle_events() RETURNS void
LANGUAGE sql AS $$
    UPDATE events SET transaction = '0'
    WHERE id <= (SELECT max(id) FROM events WHERE transaction >= pg_snapshot_xmax(pg_current_snapshot())) AND transaction <> '0';
$$;
-- +goose StatementEnd

CREATE TABLE provisioning_logs (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES tenants,
    operation_id     uuid NOT NULL REFERENCES operations,
    step             text NOT NULL,
    status           text NOT NULL CHECK (status IN ('IN_PROGRESS', 'COMPLETED', 'FAILED', 'ROLLED_BACK', 'SKIPPED')),
    attempt          integer NOT NULL,
    -- The step's own time; an undo's is beside it, so that AVG(duration_ms) by
    -- step means what it says. Milliseconds.
    duration_ms      double precision,
    undo_duration_ms double precision,
    error_class      text,
    error            text,
    -- True of a failed attempt that another attempt may mend: these are counted.
    -- One that was lost with its worker says nothing of what the step needs.
    passing          boolean NOT NULL DEFAULT false,
    started_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX provisioning_logs_of_operation ON provisioning_logs (operation_id, id);
CREATE INDEX provisioning_logs_of_tenant ON provisioning_logs (tenant_id, id);
CREATE INDEX provisioning_logs_passing ON provisioning_logs (started_at) WHERE passing;
-- What the reconciler looks for every five minutes among the rows of all that
-- ever was: the few that are under way.
CREATE INDEX provisioning_logs_in_progress ON provisioning_logs (operation_id) WHERE status = 'IN_PROGRESS';

-- Only hashes (HMAC-SHA-256 with the installation's hash_key): a request names a
-- tenant's administrator, and a client may make its keys of such a name.
CREATE TABLE idempotency_keys (
    client       text NOT NULL,
    key_hash     bytea NOT NULL,
    -- NULL once the tenant is purged.
    request_hash bytea,
    operation_id uuid NOT NULL REFERENCES operations,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client, key_hash)
);

-- Which tenant and generation owns a schema, and how far it is migrated. A
-- schema is only ever dropped by the generation that this row names.
CREATE TABLE tenant_schema_versions (
    schema_name text PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    generation  integer NOT NULL,
    version     bigint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tenant_schema_versions_of_tenant ON tenant_schema_versions (tenant_id);

-- Locks the operation's row and raises TP001 unless the attempt still holds
-- all of it. Every step's transaction calls this first.
-- +goose StatementBegin
CREATE FUNCTION pass_fence(operation uuid, tenant uuid, gen integer, run text, want text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE o operations;
BEGIN
    SELECT * INTO o FROM operations WHERE id = operation FOR UPDATE;
    IF NOT FOUND OR o.tenant_id <> tenant OR o.generation <> gen
       OR o.run_id IS DISTINCT FROM run OR o.state <> want THEN
        RAISE EXCEPTION 'superseded' USING ERRCODE = 'TP001',
            DETAIL = format('operation %s is %s in generation %s', operation, coalesce(o.state, 'gone'), coalesce(o.generation, 0));
    END IF;
END $$;
-- +goose StatementEnd

-- The number of the next attempt at a step. It goes on counting over manual
-- retries and over attempts that were lost with their worker.
-- +goose StatementBegin
CREATE FUNCTION next_attempt(operation uuid, step_name text) RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(attempt), 0) + 1 FROM provisioning_logs WHERE operation_id = operation AND step = step_name;
$$;
-- +goose StatementEnd

-- Claims a schema's name for a tenant and generation. TP002: it is made
-- already, by this very generation. TP003: it belongs to somebody else.
-- +goose StatementBegin
CREATE FUNCTION claim_schema(name text, tenant uuid, gen integer, template bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE owner tenant_schema_versions;
BEGIN
    SELECT * INTO owner FROM tenant_schema_versions WHERE schema_name = name FOR UPDATE;
    IF FOUND AND owner.tenant_id = tenant AND owner.generation = gen THEN
        RAISE EXCEPTION 'the schema is made already' USING ERRCODE = 'TP002';
    END IF;
    IF FOUND OR EXISTS (SELECT FROM pg_namespace WHERE nspname = name) THEN
        RAISE EXCEPTION 'the schema belongs to somebody else' USING ERRCODE = 'TP003';
    END IF;
    INSERT INTO tenant_schema_versions (schema_name, tenant_id, generation, version) VALUES (name, tenant, gen, template);
END $$;
-- +goose StatementEnd

-- Runs a script of several statements; each is analysed only when its turn
-- comes, so that it may use what the one before made.
-- +goose StatementBegin
CREATE FUNCTION run_script(script text) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN EXECUTE script; END $$;
-- +goose StatementEnd

-- Ends what a tenant's role can do in its schema. What is gone needs no ending.
-- +goose StatementBegin
CREATE FUNCTION revoke_access(schema text, role text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF to_regnamespace(quote_ident(schema)) IS NOT NULL AND to_regrole(quote_ident(role)) IS NOT NULL THEN
        EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM %I', schema, role);
    END IF;
END $$;
-- +goose StatementEnd

-- Lets a tenant's role use its schema.
-- +goose StatementBegin
CREATE FUNCTION give_access(schema text, role text) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', schema, role); END $$;
-- +goose StatementEnd

-- What a tenant's schema lacks of its first rows, in words; nothing where it
-- cannot be told, since a table is not there or locked: that is for others to
-- tell, or for the next look.
-- +goose StatementBegin
CREATE FUNCTION seed_missing(schema text, seed text[], invited uuid[]) RETURNS text
LANGUAGE plpgsql STABLE SET lock_timeout = '1s' AS $$
DECLARE missing text;
BEGIN
    EXECUTE format($q$
        SELECT string_agg(what, ', ') FROM (
            SELECT 'the role ' || s AS what FROM unnest($1) s WHERE NOT EXISTS (SELECT FROM %1$I.roles r WHERE r.name = s)
            UNION ALL
            SELECT 'an administrator' WHERE NOT EXISTS (SELECT FROM %1$I.users u WHERE u.role = 'admin')
            UNION ALL
            SELECT 'the user ' || i || ', who is invited' FROM unnest($2) i WHERE NOT EXISTS (SELECT FROM %1$I.users u WHERE u.id = i)
        ) lacking $q$, schema) INTO missing USING seed, invited;
    RETURN missing;
EXCEPTION WHEN undefined_table OR undefined_column OR invalid_schema_name OR insufficient_privilege OR lock_not_available THEN
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- Wakes dispatchers and long polls.
-- +goose StatementBegin
CREATE FUNCTION announce_operation() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('operations', NEW.id || ' ' || NEW.state);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER operations_announce_insert AFTER INSERT ON operations
    FOR EACH ROW EXECUTE FUNCTION announce_operation();
CREATE TRIGGER operations_announce_update AFTER UPDATE OF state ON operations
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION announce_operation();

-- Tells the api, for its streams and its cache, what an event is about: tenant,
-- operation, transaction and, where the operation's state changed, the state; "-"
-- where there is none.
-- +goose StatementBegin
CREATE FUNCTION announce_event() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('events', concat_ws(' ', coalesce(NEW.tenant_id::text, '-'), coalesce(NEW.operation_id::text, '-'), NEW.transaction,
        CASE WHEN NEW.type LIKE 'operation.%' THEN coalesce(NEW.data->>'state', '-') ELSE '-' END));
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_announce AFTER INSERT ON events
    FOR EACH ROW EXECUTE FUNCTION announce_event();

-- A line of the log is what people follow a run by, and is written in a dozen
-- places: here each becomes an event.
-- +goose StatementBegin
CREATE FUNCTION record_step() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (tenant_id, operation_id, type, data)
    SELECT NEW.tenant_id, NEW.operation_id, 'step.' || lower(NEW.status), jsonb_strip_nulls(jsonb_build_object(
        'kind', o.kind, 'step', NEW.step, 'stepStatus', NEW.status, 'attempt', NEW.attempt, 'failureClass', NEW.error_class))
    FROM operations o WHERE o.id = NEW.operation_id;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER provisioning_logs_record_insert AFTER INSERT ON provisioning_logs
    FOR EACH ROW EXECUTE FUNCTION record_step();
CREATE TRIGGER provisioning_logs_record_update AFTER UPDATE ON provisioning_logs
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_step();

-- +goose Down
DROP TRIGGER operations_announce_insert ON operations;
DROP TRIGGER operations_announce_update ON operations;
DROP TRIGGER events_announce ON events;
DROP TRIGGER provisioning_logs_record_insert ON provisioning_logs;
DROP TRIGGER provisioning_logs_record_update ON provisioning_logs;
DROP FUNCTION settle_events, announce_event, record_step, announce_operation, seed_missing, give_access, revoke_access, run_script, claim_schema, next_attempt, pass_fence;
DROP TABLE tenant_schema_versions, idempotency_keys, provisioning_logs, events;
DROP VIEW operations_waiting;
DROP TABLE operations, tenants;
DROP SEQUENCE tenant_number;
