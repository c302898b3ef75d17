-- The template of every tenant's schema. :"schema" and :"role" stand for the
-- tenant's schema and role, quoted, as psql writes them. Each file grants what
-- it creates, by name: ON ALL TABLES gets dearer with every tenant in the
-- database.

CREATE TABLE :"schema".roles (
    name        text PRIMARY KEY,
    description text NOT NULL
);

CREATE TABLE :"schema".users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL,
    first_name    text NOT NULL,
    last_name     text NOT NULL,
    role          text NOT NULL REFERENCES :"schema".roles,
    -- argon2id in PHC form; NULL until the invitation is used. Nobody can log
    -- in without one.
    password_hash text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON :"schema".users (lower(email));

CREATE TABLE :"schema".audit_logs (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    user_id    uuid,
    action     text NOT NULL,
    subject    text,
    detail     jsonb
);
CREATE INDEX audit_logs_at ON :"schema".audit_logs (at);

GRANT USAGE ON SCHEMA :"schema" TO :"role";
GRANT SELECT ON :"schema".roles TO :"role";
GRANT SELECT, INSERT, UPDATE, DELETE ON :"schema".users TO :"role";
-- A tenant's own log can be added to and read, never altered.
GRANT SELECT, INSERT ON :"schema".audit_logs TO :"role";
