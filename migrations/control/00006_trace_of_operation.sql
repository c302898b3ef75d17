-- +goose Up

-- The trace of the request that an operation was accepted by, as W3C's traceparent:
-- it waits here for the dispatcher, which goes on with it. Null where nothing is
-- traced.
ALTER TABLE operations ADD COLUMN traceparent text CHECK (octet_length(traceparent) <= 55);
