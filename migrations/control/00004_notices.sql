-- +goose Up

-- One mail to one person about operations that newly wait for somebody.
CREATE TABLE notices (
    -- The id travels with the mail, by which the provider is asked after a
    -- doubt.
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    batch      uuid NOT NULL,
    recipient  text NOT NULL,
    -- DROPPED: nothing of it waited any more when it was about to leave.
    state      text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'SENDING', 'SENT', 'DROPPED')),
    attempts   integer NOT NULL DEFAULT 0,
    -- Until then nobody tries: another worker does, or the provider is given
    -- time.
    due_at     timestamptz NOT NULL DEFAULT now(),
    -- When the last request to the provider was about to leave.
    left_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at    timestamptz
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

-- A request that was refused may be accepted later under the same id: both
-- belong into the log.
DROP INDEX audit_log_once;
CREATE UNIQUE INDEX audit_log_once ON audit_log (operation_id, action, request_id, outcome) WHERE request_id IS NOT NULL;

-- +goose Down
DROP INDEX audit_log_once;
CREATE UNIQUE INDEX audit_log_once ON audit_log (operation_id, action, request_id) WHERE request_id IS NOT NULL;
DROP TABLE notice_parkings, notices;
