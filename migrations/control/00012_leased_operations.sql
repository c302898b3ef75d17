-- +goose Up

-- What a dispatcher has taken and no run has claimed yet, or will soon be free
-- to be taken again: few of the many that wait.
CREATE INDEX operations_leased ON operations (dispatch_after) WHERE state = 'PENDING';

-- +goose Down
DROP INDEX operations_leased;
