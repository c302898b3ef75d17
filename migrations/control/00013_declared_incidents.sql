-- +goose Up

-- Incidents that a person or Alertmanager has declared. Those of the breaker stand in
-- incidents: they hold work, and probes close them; these hold nothing.
CREATE TABLE declared_incidents (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- For staff; what the public is told stands in the updates.
    title        text NOT NULL,
    severity     text NOT NULL CHECK (severity IN ('critical', 'major', 'minor')),
    -- What of the status page is disturbed.
    components   text[] NOT NULL DEFAULT '{}',
    opened_by    text NOT NULL,
    opened_at    timestamptz NOT NULL DEFAULT now(),
    -- When each step of the response was done; detection begins the clock.
    detected_at  timestamptz NOT NULL,
    assessed_at  timestamptz,
    mitigated_at timestamptz,
    resolved_at  timestamptz,
    verified_at  timestamptz,
    reviewed_at  timestamptz,
    CHECK (resolved_at IS NULL OR mitigated_at IS NOT NULL AND assessed_at IS NOT NULL),
    CHECK (verified_at IS NULL OR resolved_at IS NOT NULL),
    CHECK (reviewed_at IS NULL OR verified_at IS NOT NULL)
);
CREATE INDEX declared_incidents_open ON declared_incidents (id) WHERE reviewed_at IS NULL;
CREATE INDEX declared_incidents_by_detection ON declared_incidents (detected_at DESC);

-- What was said and done about one, in order.
CREATE TABLE declared_incident_updates (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES declared_incidents ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('declared', 'updated', 'resolved', 'reopened', 'alerted')),
    at          timestamptz NOT NULL,
    actor       text NOT NULL,
    -- For staff.
    message     text NOT NULL,
    -- What the status page tells; empty: nothing.
    public      text NOT NULL DEFAULT '',
    -- The steps that it did.
    done        text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX declared_incident_updates_of_incident ON declared_incident_updates (incident_id, id);

-- The alerts of Alertmanager that belong to one.
CREATE TABLE declared_incident_alerts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES declared_incidents ON DELETE CASCADE,
    -- Which alerts Alertmanager sends together: what joins a group's open incident.
    group_key   text NOT NULL,
    fingerprint text NOT NULL,
    name        text NOT NULL,
    summary     text NOT NULL DEFAULT '',
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz,
    UNIQUE (fingerprint, starts_at)
);
CREATE UNIQUE INDEX declared_incident_alerts_firing ON declared_incident_alerts (fingerprint) WHERE ends_at IS NULL;
CREATE INDEX declared_incident_alerts_of_incident ON declared_incident_alerts (incident_id, id);

-- Streams tell of them, as of the breaker's.
-- +goose StatementBegin
CREATE FUNCTION record_declared_incident() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (type, data) VALUES ('incident.' || NEW.kind, jsonb_build_object('declared', 'INC-' || lpad(NEW.incident_id::text, greatest(6, length(NEW.incident_id::text)), '0')));
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER declared_incident_updates_record AFTER INSERT ON declared_incident_updates
    FOR EACH ROW EXECUTE FUNCTION record_declared_incident();

-- +goose Down
DROP TABLE declared_incident_alerts, declared_incident_updates, declared_incidents;
DROP FUNCTION record_declared_incident;
