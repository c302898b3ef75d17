-- +goose Up

-- A channel account that the network takes no transaction from, with our signature:
-- it is left alone until a person has mended it.
ALTER TABLE stellar_channels
    ADD COLUMN set_aside_at  timestamptz,
    ADD COLUMN set_aside_why text,
    ADD CHECK ((set_aside_at IS NULL) = (set_aside_why IS NULL));

-- What was last known of a transaction that an attempt has left open, in words.
ALTER TABLE stellar_transactions ADD COLUMN note text;

-- What a day has cost, and an operation, are asked before each transaction.
CREATE INDEX stellar_transactions_paid ON stellar_transactions (network, settled_at) INCLUDE (fee_charged) WHERE fee_charged > 0;
CREATE INDEX stellar_transactions_of_operation ON stellar_transactions (operation_id) WHERE operation_id IS NOT NULL;

-- +goose Down
DROP INDEX stellar_transactions_of_operation, stellar_transactions_paid;
ALTER TABLE stellar_transactions DROP COLUMN note;
ALTER TABLE stellar_channels DROP COLUMN set_aside_at, DROP COLUMN set_aside_why;
