-- +goose Up

CREATE TABLE audit_log (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor        text NOT NULL,
    -- True when nobody has checked who the actor is: a signal from a command
    -- line carries whatever its sender typed.
    actor_claimed boolean NOT NULL DEFAULT false,
    action       text NOT NULL,
    -- A request is accepted or refused; done is a certificate of what was done.
    outcome      text NOT NULL CHECK (outcome IN ('accepted', 'refused', 'done')),
    tenant_id    uuid,
    operation_id uuid,
    request_id   text,
    reason       text,
    detail       text
);
CREATE INDEX audit_log_of_tenant ON audit_log (tenant_id, id);
-- A request id belongs to its actor: two people who use the same one, such as a
-- ticket's number, have made two requests. One that was refused may be accepted
-- later under the same id.
CREATE UNIQUE INDEX audit_log_once ON audit_log (operation_id, action, request_id, outcome, actor) WHERE request_id IS NOT NULL;

-- Who the API has seen to be the sender of a request, before it goes to
-- Temporal: anybody who may signal a run can write any name into a request, and
-- such a name is audited as claimed. No reference to operations: it would wait
-- for the row that the step under way has locked, which a rollback is to stop.
CREATE TABLE vouched_requests (
    operation_id uuid NOT NULL,
    action       text NOT NULL,
    request_id   text NOT NULL,
    actor        text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (operation_id, action, request_id, actor)
);

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

-- A dependency that fails for many operations at once. While one is open
-- nothing new is started, and what runs waits before the steps that need it.
CREATE TABLE incidents (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dependency    text NOT NULL CHECK (dependency IN ('database', 'ledger', 'mail')),
    cause         text NOT NULL,
    -- How many operations had failed when it was opened.
    affected      integer NOT NULL,
    opened_at     timestamptz NOT NULL DEFAULT now(),
    closed_at     timestamptz,
    -- How often failures came back soon after it was closed: the probes get
    -- rarer with it.
    reopened      integer NOT NULL DEFAULT 0,
    -- Until then no worker probes; the one that takes a probe moves it.
    probe_after   timestamptz NOT NULL DEFAULT now(),
    last_probe_at timestamptz,
    -- Probes in a row that succeeded.
    successes     integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX incidents_one_open ON incidents (dependency) WHERE closed_at IS NULL;
CREATE INDEX incidents_latest ON incidents (dependency, closed_at);

-- What waits for an incident is shown with each operation, so that its beginning and
-- its end are events. An incident must find room when the disk is full; its event
-- need not.
-- +goose StatementBegin
CREATE FUNCTION record_incident() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (type, data)
    VALUES (CASE WHEN NEW.closed_at IS NULL THEN 'incident.opened' ELSE 'incident.closed' END,
        jsonb_build_object('incidentId', NEW.id, 'dependency', NEW.dependency, 'cause', NEW.cause));
    RETURN NULL;
EXCEPTION WHEN disk_full THEN
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- What each worker tells of itself, every few seconds. Nobody else can say that
-- no worker works: the api and the command line need none. All times are the
-- database's: clocks of different machines are not compared.
CREATE TABLE workers (
    -- One for each life of the process.
    id            text PRIMARY KEY,
    host          text NOT NULL,
    version       text NOT NULL DEFAULT '',
    namespace     text NOT NULL,
    task_queue    text NOT NULL,
    -- The task queues whose polls Temporal has answered of late.
    queues        text[] NOT NULL DEFAULT '{}',
    -- Why it takes no work, in plain words; empty when it takes work. And since
    -- when that is so.
    waits_for     text NOT NULL DEFAULT '',
    waits_since   timestamptz NOT NULL DEFAULT now(),
    -- What is to be mended although it takes work.
    note          text NOT NULL DEFAULT '',
    started_at    timestamptz NOT NULL DEFAULT now(),
    last_seen     timestamptz NOT NULL DEFAULT now(),
    dispatched_at timestamptz,
    -- Set by one that ended in order.
    stopped_at    timestamptz
) WITH (fillfactor = 50); -- so that a row is written anew in its own page

-- A time in which no worker took work, although some should have been taken.
CREATE TABLE worker_outages (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cause     text NOT NULL,
    -- How many operations waited when it was noticed.
    waiting   integer NOT NULL,
    -- Since when no worker worked, and since when one does again.
    opened_at timestamptz NOT NULL,
    closed_at timestamptz
);
CREATE UNIQUE INDEX worker_outages_one_open ON worker_outages ((closed_at IS NULL)) WHERE closed_at IS NULL;

-- One mail to one person: about operations that newly wait for somebody, about an
-- incident, or about an outage of all workers. Of the latter two there is one when
-- it has lasted, and one, to those who got it, when it is over.
CREATE TABLE notices (
    -- The id travels with the mail, by which the provider is asked after a
    -- doubt.
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    batch       uuid NOT NULL,
    recipient   text NOT NULL,
    incident_id bigint REFERENCES incidents,
    outage_id   bigint REFERENCES worker_outages,
    over        boolean NOT NULL DEFAULT false,
    -- DROPPED: nothing of it waited any more when it was about to leave.
    state       text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'SENDING', 'SENT', 'DROPPED')),
    attempts    integer NOT NULL DEFAULT 0,
    -- Until then nobody tries: another worker does, or the provider is given
    -- time.
    due_at      timestamptz NOT NULL DEFAULT now(),
    -- When the last request to the provider was about to leave.
    left_at     timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    sent_at     timestamptz,
    CONSTRAINT notices_once_of_an_incident UNIQUE (incident_id, over, recipient),
    CONSTRAINT notices_once_of_an_outage UNIQUE (outage_id, over, recipient)
);
CREATE INDEX notices_due ON notices (due_at) WHERE state IN ('PENDING', 'SENDING');

-- Which parkings a batch tells of. A parking is told of once: an operation that
-- parks again after a retry has another deadline. A blocked rollback has none
-- and is told of once, however often it is tried again.
CREATE TABLE notice_parkings (
    operation_id uuid NOT NULL REFERENCES operations,
    state        text NOT NULL,
    deadline     timestamptz NOT NULL,
    batch        uuid NOT NULL,
    PRIMARY KEY (operation_id, state, deadline)
);
CREATE INDEX notice_parkings_of_batch ON notice_parkings (batch);

-- An incident, and the mail about it, must find room when the disk is full: the
-- tables and their indexes keep the pages that a first row needs. VACUUM would
-- give an empty one back.
ALTER TABLE incidents SET (vacuum_truncate = false);
INSERT INTO incidents (id, dependency, cause, affected) OVERRIDING SYSTEM VALUE VALUES (0, 'database', 'takes up room', 0);
DELETE FROM incidents;
CREATE TRIGGER incidents_record_insert AFTER INSERT ON incidents
    FOR EACH ROW EXECUTE FUNCTION record_incident();
CREATE TRIGGER incidents_record_update AFTER UPDATE OF closed_at ON incidents
    FOR EACH ROW WHEN (OLD.closed_at IS DISTINCT FROM NEW.closed_at) EXECUTE FUNCTION record_incident();
ALTER TABLE notices SET (vacuum_truncate = false);
INSERT INTO notices (batch, recipient) VALUES (gen_random_uuid(), '');
DELETE FROM notices;

-- +goose Down
DROP TABLE notice_parkings, notices, worker_outages, workers, incidents, findings, vouched_requests, audit_log;
DROP FUNCTION record_incident;
