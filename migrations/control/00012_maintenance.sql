-- +goose Up

-- Times in which the platform is worked on, announced before.
CREATE TABLE maintenance_windows (
    id          uuid PRIMARY KEY,
    -- The first day of the month whose regular window it is, wherever a person has moved
    -- it since; null for one that a person has planned.
    month       date UNIQUE CHECK (month = date_trunc('month', month)),
    -- What the public is told of it.
    title       text NOT NULL,
    message     text NOT NULL DEFAULT '',
    state       text NOT NULL DEFAULT 'PLANNED' CHECK (state IN ('PLANNED', 'RUNNING', 'COMPLETED', 'SKIPPED')),
    -- Null until it is announced, or begins: as MAINTENANCE_MODE says then.
    mode        text CHECK (mode IN ('normal', 'read-only')),
    -- As announced: an extension, also that of an overrun, moves the end.
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL CHECK (ends_at > starts_at),
    started_at  timestamptz,
    ended_at    timestamptz,
    -- When it first had not come to an end at its announced one.
    overrun_at  timestamptz,
    -- What came of it, in plain words.
    note        text NOT NULL DEFAULT '',
    -- A person has decided about it: no change of MAINTENANCE_WINDOW changes it.
    decided     boolean NOT NULL DEFAULT false,
    -- Which announcement of it is told: raised when what was told is true no more.
    revision    integer NOT NULL DEFAULT 0,
    -- When the revision was given to those who send it.
    announced_at timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((started_at IS NOT NULL) = (state IN ('RUNNING', 'COMPLETED'))),
    CHECK ((ended_at IS NOT NULL) = (state IN ('COMPLETED', 'SKIPPED'))),
    CHECK (state <> 'RUNNING' OR mode IS NOT NULL)
);
CREATE INDEX maintenance_windows_by_start ON maintenance_windows (starts_at DESC);
-- What the dispatcher and the api ask for all the time.
CREATE INDEX maintenance_windows_open ON maintenance_windows (starts_at) WHERE state IN ('PLANNED', 'RUNNING');

-- What is done in a window: by a worker, or by people, who tick it.
CREATE TABLE maintenance_tasks (
    window_id  uuid NOT NULL REFERENCES maintenance_windows ON DELETE CASCADE,
    position   integer NOT NULL,
    name       text NOT NULL,
    manual     boolean NOT NULL,
    state      text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'RUNNING', 'DONE', 'FAILED', 'SKIPPED')),
    started_at timestamptz,
    ended_at   timestamptz,
    -- What was done, or why not; of a manual one, who has ticked it.
    detail     text NOT NULL DEFAULT '',
    PRIMARY KEY (window_id, name)
);

-- One mail to one person about one revision of a window: of an administrator the tenant,
-- whose address is read when the mail leaves; of staff the address.
CREATE TABLE maintenance_notices (
    -- The id travels with the mail, by which the provider is asked after a doubt.
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    window_id  uuid NOT NULL REFERENCES maintenance_windows ON DELETE CASCADE,
    revision   integer NOT NULL,
    about      text NOT NULL CHECK (about IN ('planned', 'moved', 'cancelled', 'overrun')),
    tenant_id  uuid REFERENCES tenants,
    recipient  text,
    -- DROPPED: it was true no more, or there was nobody to tell, when it was about to leave.
    state      text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'SENDING', 'SENT', 'FAILED', 'DROPPED')),
    attempts   integer NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL DEFAULT now(),
    -- When the last request to the provider was about to leave.
    left_at    timestamptz,
    sent_at    timestamptz,
    -- Why it failed.
    reason     text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((tenant_id IS NULL) <> (recipient IS NULL))
);
CREATE UNIQUE INDEX maintenance_notices_once ON maintenance_notices (window_id, revision, about, coalesce(recipient, tenant_id::text));
CREATE INDEX maintenance_notices_due ON maintenance_notices (window_id, due_at) WHERE state IN ('PENDING', 'SENDING');

-- The clean-up reads by age.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE INDEX vouched_requests_by_age ON vouched_requests (at);

-- Streams tell of windows, as of incidents.
-- +goose StatementBegin
CREATE FUNCTION record_window() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (type, data)
    VALUES ('maintenance.' || CASE WHEN TG_OP = 'UPDATE' AND OLD.state = NEW.state THEN 'changed' ELSE lower(NEW.state) END,
        jsonb_build_object('windowId', NEW.id));
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER maintenance_windows_record AFTER INSERT OR UPDATE OF state, title, message, mode, starts_at, ends_at, note ON maintenance_windows
    FOR EACH ROW EXECUTE FUNCTION record_window();

-- +goose Down
DROP INDEX vouched_requests_by_age, idempotency_keys_by_age;
DROP TABLE maintenance_notices, maintenance_tasks, maintenance_windows;
DROP FUNCTION record_window;
