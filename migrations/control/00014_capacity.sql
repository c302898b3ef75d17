-- +goose Up

-- What adding tenants uses up, and whether there is room for more. One worker reads it
-- for all, so that every dispatcher and the api see the same.
CREATE TABLE capacity (
    resource    text PRIMARY KEY CHECK (resource IN ('disk', 'connections', 'locks', 'balance')),
    -- Since when provisioning waits for it, and why, in plain words; null while there is
    -- room.
    short_since timestamptz,
    cause       text,
    -- Until then no worker reads: another one does, or it was read of late.
    read_after  timestamptz NOT NULL DEFAULT now(),
    CHECK ((short_since IS NULL) = (cause IS NULL))
);
INSERT INTO capacity (resource) VALUES ('disk'), ('connections'), ('locks'), ('balance');

-- The readings, from which growth is told: bytes, connections, locks, and of the balance
-- stroops that were ever paid.
CREATE TABLE capacity_readings (
    resource text NOT NULL REFERENCES capacity,
    read_at  timestamptz NOT NULL DEFAULT now(),
    used     bigint NOT NULL,
    -- What used can come to; null where nobody has said.
    bound    bigint,
    PRIMARY KEY (resource, read_at)
);
CREATE INDEX capacity_readings_by_age ON capacity_readings (read_at);

-- What waits for room is shown with each operation, so that its beginning and its end
-- are events.
-- +goose StatementBegin
CREATE FUNCTION record_capacity() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (type, data)
    VALUES (CASE WHEN NEW.short_since IS NULL THEN 'capacity.enough' ELSE 'capacity.short' END,
        jsonb_build_object('capacity', NEW.resource, 'cause', NEW.cause));
    RETURN NULL;
EXCEPTION WHEN disk_full THEN
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER capacity_record AFTER UPDATE OF short_since ON capacity
    FOR EACH ROW WHEN ((OLD.short_since IS NULL) <> (NEW.short_since IS NULL)) EXECUTE FUNCTION record_capacity();

-- +goose Down
DROP TABLE capacity_readings, capacity;
DROP FUNCTION record_capacity;
