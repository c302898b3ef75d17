-- +goose Up

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

-- True of a failed attempt that another attempt may mend: these are counted.
-- One that was lost with its worker says nothing of what the step needs.
ALTER TABLE provisioning_logs ADD COLUMN passing boolean NOT NULL DEFAULT false;
CREATE INDEX provisioning_logs_passing ON provisioning_logs (started_at) WHERE passing;

-- +goose Down
DROP INDEX provisioning_logs_passing;
ALTER TABLE provisioning_logs DROP COLUMN passing;
DROP TABLE incidents;
