-- +goose Up

-- One row: which installation this database belongs to. Roles belong to the
-- whole server, so ours carry this id in their comment and no other is touched.
CREATE TABLE installation (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    id        uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;

-- Counts accepted tenants. Each run of 500 shares an application login, since
-- PostgreSQL recomputes a login's memberships after every change of a role.
CREATE SEQUENCE tenant_number MINVALUE 0;

CREATE TABLE tenants (
    id               uuid PRIMARY KEY,
    name             text NOT NULL,
    name_key         text NOT NULL,
    slug             text NOT NULL,
    schema_name      text NOT NULL UNIQUE CHECK (octet_length(schema_name) <= 63),
    role_name        text NOT NULL UNIQUE CHECK (octet_length(role_name) <= 63),
    app_login        text NOT NULL,
    status           text NOT NULL CHECK (status IN ('PENDING', 'PROVISIONING', 'ACTIVE', 'SUSPENDED', 'FAILED', 'ARCHIVED', 'DELETED')),
    generation       integer NOT NULL DEFAULT 1 CHECK (generation > 0),
    contract_id      text,
    admin_email      text NOT NULL,
    admin_first_name text NOT NULL,
    admin_last_name  text NOT NULL,
    tier             text NOT NULL,
    region           text NOT NULL,
    failure_reason   text,
    version          bigint NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    activated_at     timestamptz
);
-- A name is held by at most one living tenant; it is free again after a
-- failure, an archive or a deletion.
CREATE UNIQUE INDEX tenants_name_held ON tenants (name_key) WHERE status NOT IN ('FAILED', 'ARCHIVED', 'DELETED');
CREATE INDEX tenants_by_status ON tenants (status, id);

CREATE TABLE operations (
    id                 uuid PRIMARY KEY,
    tenant_id          uuid NOT NULL REFERENCES tenants,
    kind               text NOT NULL,
    state              text NOT NULL CHECK (state IN ('PENDING', 'RUNNING', 'NEEDS_ATTENTION', 'ROLLING_BACK', 'ROLLBACK_BLOCKED', 'SUCCEEDED', 'ROLLED_BACK')),
    generation         integer NOT NULL,
    pivot_passed       boolean NOT NULL DEFAULT false,
    run_id             text,
    failed_step        text,
    failure_class      text CHECK (failure_class IN ('permanent', 'exhausted', 'conflict', 'capacity', 'auth', 'cancelled', 'undo_failed')),
    failure_reason     text,
    attempts           integer NOT NULL DEFAULT 0,
    attention_deadline timestamptz,
    client             text NOT NULL,
    retry_budget       interval NOT NULL,
    attention_period   interval NOT NULL,
    -- Until then another dispatcher leaves a PENDING operation alone.
    dispatch_after     timestamptz NOT NULL DEFAULT now(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    started_at         timestamptz,
    finished_at        timestamptz,
    updated_at         timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX operations_one_open ON operations (tenant_id) WHERE state NOT IN ('SUCCEEDED', 'ROLLED_BACK');
CREATE INDEX operations_pending ON operations (client, created_at) WHERE state = 'PENDING';
CREATE INDEX operations_open ON operations (state, id) WHERE state NOT IN ('SUCCEEDED', 'ROLLED_BACK');
CREATE INDEX operations_of_tenant ON operations (tenant_id, id DESC);

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
    started_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX provisioning_logs_of_operation ON provisioning_logs (operation_id, id);
CREATE INDEX provisioning_logs_of_tenant ON provisioning_logs (tenant_id, id);

CREATE TABLE idempotency_keys (
    client       text NOT NULL,
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL,
    operation_id uuid NOT NULL REFERENCES operations,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client, key)
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

CREATE TABLE emails (
    -- The id travels with the mail as a custom argument, by which the provider
    -- is asked after a doubt.
    id          uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    generation  integer NOT NULL,
    template    text NOT NULL,
    state       text NOT NULL CHECK (state IN ('PENDING', 'SENDING', 'SENT', 'UNKNOWN', 'FAILED')),
    provider    text,
    provider_id text,
    attempts    integer NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    -- When the last request to the provider was about to leave. A doubt is as
    -- old as that.
    left_at     timestamptz,
    sent_at     timestamptz,
    UNIQUE (tenant_id, generation, template)
);

-- One-time links by which a first password is set. Only the token's hash is
-- kept; the token itself is derived anew when a mail must be repeated.
CREATE TABLE invitations (
    token_hash bytea PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    user_id    uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX invitations_of_tenant ON invitations (tenant_id);

CREATE TABLE audit_log (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor        text NOT NULL,
    -- True when nobody has checked who the actor is: a signal from a command
    -- line carries whatever its sender typed.
    actor_claimed boolean NOT NULL DEFAULT false,
    action       text NOT NULL,
    outcome      text NOT NULL CHECK (outcome IN ('accepted', 'refused')),
    tenant_id    uuid,
    operation_id uuid,
    request_id   text,
    reason       text,
    detail       text
);
CREATE INDEX audit_log_of_tenant ON audit_log (tenant_id, id);
CREATE UNIQUE INDEX audit_log_once ON audit_log (operation_id, action, request_id) WHERE request_id IS NOT NULL;

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

-- What the comment of a role of ours says. Roles belong to the whole server:
-- one without this comment is never touched.
-- +goose StatementBegin
CREATE FUNCTION role_mark(owner text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT 'tenant-provisioning installation=' || id || ' owner=' || owner FROM installation;
$$;
-- +goose StatementEnd

-- Makes a role of ours, or takes the one that is there if it carries our mark
-- (a database restored from a backup meets the roles of before). TP003: a role
-- of that name belongs to somebody else.
-- +goose StatementBegin
CREATE FUNCTION ensure_role(name text, owner text, attributes text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE mark text := role_mark(owner);
        found_mark text;
BEGIN
    SELECT coalesce(shobj_description(oid, 'pg_authid'), '') INTO found_mark FROM pg_roles WHERE rolname = name;
    IF found_mark = mark THEN
        RETURN;
    ELSIF found_mark IS NOT NULL THEN
        RAISE EXCEPTION 'the role belongs to somebody else' USING ERRCODE = 'TP003';
    END IF;
    EXECUTE format('CREATE ROLE %I %s', name, attributes);
    EXECUTE format('COMMENT ON ROLE %I IS %L', name, mark);
END $$;
-- +goose StatementEnd

-- Makes the login of the platform's application if it is missing: once in 500
-- tenants, so the lock that keeps two from making it is hardly ever taken. It
-- has no password until an operator gives it one. NOINHERIT: a login that
-- inherits would read every tenant.
-- +goose StatementBegin
CREATE FUNCTION ensure_app_login(name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
        PERFORM pg_advisory_xact_lock(hashtext(name));
        PERFORM ensure_role(name, 'application', 'LOGIN NOINHERIT');
    END IF;
END $$;
-- +goose StatementEnd

-- Runs a script of several statements; each is analysed only when its turn
-- comes, so that it may use what the one before made.
-- +goose StatementBegin
CREATE FUNCTION run_script(script text) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN EXECUTE script; END $$;
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

-- +goose Down
DROP TRIGGER operations_announce_insert ON operations;
DROP TRIGGER operations_announce_update ON operations;
DROP FUNCTION announce_operation, run_script, ensure_app_login, ensure_role, role_mark, claim_schema;
DROP FUNCTION next_attempt, pass_fence;
DROP TABLE audit_log, invitations, emails, tenant_schema_versions, idempotency_keys, provisioning_logs, operations, tenants, installation;
DROP SEQUENCE tenant_number;
