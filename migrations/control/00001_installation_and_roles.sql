-- +goose Up

-- One row: which installation this database belongs to. Roles belong to the
-- whole server, so ours carry this id in their comment and no other is touched.
CREATE TABLE installation (
    singleton      boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    id             uuid NOT NULL DEFAULT gen_random_uuid(),
    -- What the links of welcome mails are derived from where INVITATION_SECRET is
    -- not set: 256 bits, of which 244 are random, made here and once, so that all
    -- workers have the same.
    invitation_key bytea NOT NULL DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
    -- What idempotency keys and the requests behind them are hashed with, made as
    -- that one: without it nobody can tell from the hashes who was named in them.
    hash_key       bytea NOT NULL DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
    -- Where the installation is at home. A copy of this database on the same
    -- server (CREATE DATABASE … TEMPLATE …) shares the roles with the original,
    -- and carries its id: it must be told from it.
    database_oid   oid,
    database_name  text,
    -- pg_control_system's: the server's own number, which its backups share.
    server         bigint
);
INSERT INTO installation DEFAULT VALUES;

-- The server's number, or nothing where it is not told.
-- +goose StatementBegin
CREATE FUNCTION server_number() RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT system_identifier FROM pg_control_system());
EXCEPTION WHEN insufficient_privilege OR undefined_function THEN
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- The database that this one is a copy of, if that is on the same server. The
-- one that bears the name is the original: so a restore that took its place is
-- at home. A database that was renamed, restored on another server, or whose
-- original is gone, is at home too.
-- +goose StatementBegin
CREATE FUNCTION copied_from() RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE home installation;
        original text;
BEGIN
    SELECT * INTO home FROM installation;
    IF home.database_name IS NULL OR home.database_name = current_database() THEN
        RETURN NULL;
    END IF;
    SELECT datname INTO original FROM pg_database WHERE datname = home.database_name OR oid = home.database_oid
    ORDER BY datname = home.database_name DESC LIMIT 1;
    IF original = current_database() OR home.server IS DISTINCT FROM server_number() THEN
        RETURN NULL;
    END IF;
    RETURN original;
END $$;
-- +goose StatementEnd

-- Notes where the installation is at home, unless this is a copy.
-- +goose StatementBegin
CREATE FUNCTION settle_installation() RETURNS void
LANGUAGE sql AS $$
    UPDATE installation i SET database_oid = d.oid, database_name = d.datname, server = server_number()
    FROM pg_database d
    WHERE d.datname = current_database() AND copied_from() IS NULL
      AND (i.database_oid IS DISTINCT FROM d.oid OR i.database_name IS DISTINCT FROM d.datname OR i.server IS DISTINCT FROM server_number());
$$;
-- +goose StatementEnd
SELECT settle_installation();

-- Whoever gives a copy an id of its own makes it an installation of its own.
-- +goose StatementBegin
CREATE FUNCTION own_installation() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    SELECT oid, datname, server_number() INTO NEW.database_oid, NEW.database_name, NEW.server
    FROM pg_database WHERE datname = current_database();
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER installation_of_its_own BEFORE UPDATE OF id ON installation
    FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id) EXECUTE FUNCTION own_installation();

-- What the comment of a role of ours says. Whatever is done to a role asks for
-- it first, so a copy gets no further. TP004: this database is one.
-- +goose StatementBegin
CREATE FUNCTION role_mark(owner text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE original text := copied_from();
BEGIN
    IF original IS NOT NULL THEN
        RAISE EXCEPTION 'this database is a copy of the database %', original USING ERRCODE = 'TP004';
    END IF;
    RETURN (SELECT 'tenant-provisioning installation=' || id || ' owner=' || owner FROM installation);
END $$;
-- +goose StatementEnd

-- Makes a role of ours, or takes the one that is there if it carries our mark
-- (a database restored from a backup meets the roles of before). TP003: a role
-- of that name belongs to somebody else.
-- +goose StatementBegin
CREATE FUNCTION ensure_role(name text, owner text, attributes text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE mark text := role_mark(owner);
        found_mark text;
BEGIN
    SELECT coalesce(shobj_description(oid, 'pg_authid'), '') INTO found_mark FROM pg_roles WHERE rolname = name;
    IF found_mark = mark THEN
        RETURN;
    ELSIF found_mark IS NOT NULL THEN
        RAISE EXCEPTION 'the role belongs to somebody else' USING ERRCODE = 'TP003';
    END IF;
    EXECUTE format('CREATE ROLE %I %s', name, attributes);
    EXECUTE format('COMMENT ON ROLE %I IS %L', name, mark);
END $$;
-- +goose StatementEnd

-- Makes the login of the platform's application if it is missing: once in 500
-- tenants, so the lock that keeps two from making it is hardly ever taken. It
-- has no password until an operator gives it one. NOINHERIT: a login that
-- inherits would read every tenant. TP003: one of that name belongs to another
-- installation, as in a database that was copied and got an id of its own.
-- +goose StatementBegin
CREATE FUNCTION ensure_app_login(name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
        PERFORM pg_advisory_xact_lock(hashtext(name));
    END IF;
    PERFORM ensure_role(name, 'application', 'LOGIN NOINHERIT');
END $$;
-- +goose StatementEnd

-- What keeps a role from being dropped, in words: PostgreSQL knows of objects in
-- other databases, and which databases.
-- +goose StatementBegin
CREATE FUNCTION role_held_by(role oid) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT string_agg(DISTINCT CASE
        WHEN s.dbid = 0 THEN 'objects of the whole server'
        WHEN d.datname = current_database() THEN 'objects in this database'
        ELSE 'objects in the database ' || coalesce(d.datname, s.dbid::text) END, ', ')
    FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = s.dbid
    WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = role;
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION role_held_by, ensure_app_login, ensure_role, role_mark;
DROP TRIGGER installation_of_its_own ON installation;
DROP FUNCTION own_installation, settle_installation, copied_from, server_number;
DROP TABLE installation;
