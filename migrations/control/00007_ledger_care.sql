-- +goose Up

-- A channel account that the network takes no transaction from, with our signature:
-- it is left alone until a person has mended it.
ALTER TABLE stellar_channels
    ADD COLUMN set_aside_at  timestamptz,
    ADD COLUMN set_aside_why text,
    ADD CHECK ((set_aside_at IS NULL) = (set_aside_why IS NULL));

-- What was last known of a transaction that an attempt has left open, in words.
ALTER TABLE stellar_transactions ADD COLUMN note text;

-- +goose Down
ALTER TABLE stellar_transactions DROP COLUMN note;
ALTER TABLE stellar_channels DROP COLUMN set_aside_at, DROP COLUMN set_aside_why;
