-- +goose Up

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

-- A mail about it: one to each person, and one, to those who got it, when it is
-- over.
ALTER TABLE notices
    ADD COLUMN outage_id bigint REFERENCES worker_outages,
    ADD CONSTRAINT notices_once_of_an_outage UNIQUE (outage_id, over, recipient);

-- The page of the new index, for a notice that must find room on a full disk
-- (00009_room_for_incidents.sql).
INSERT INTO notices (batch, recipient) VALUES (gen_random_uuid(), '');
DELETE FROM notices WHERE recipient = '';

-- +goose Down
DELETE FROM notices WHERE outage_id IS NOT NULL;
ALTER TABLE notices DROP COLUMN outage_id;
DROP TABLE worker_outages, workers;
