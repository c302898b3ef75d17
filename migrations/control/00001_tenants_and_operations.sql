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

-- +goose Down
DROP FUNCTION next_attempt, pass_fence;
DROP TABLE audit_log, invitations, emails, tenant_schema_versions, idempotency_keys, provisioning_logs, operations, tenants, installation;
DROP SEQUENCE tenant_number;
