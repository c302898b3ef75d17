-- +goose Up

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

-- +goose Down
DROP TABLE vouched_requests;
