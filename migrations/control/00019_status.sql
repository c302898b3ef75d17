-- +goose Up

-- How the components of the status page have been: each row says how one is from then
-- on. Of what is older than 90 days the last row of each is kept.
CREATE TABLE status_changes (
    component text NOT NULL,
    state     text NOT NULL,
    since     timestamptz NOT NULL,
    PRIMARY KEY (component, since)
);

-- +goose Down
DROP TABLE status_changes;
