-- +goose Up

-- Where a tenant comes from that the replaced application has made: its row there, and
-- what the import did to its schema. A tenant has a row from its acceptance on.
CREATE TABLE tenant_imports (
    tenant_id        uuid PRIMARY KEY REFERENCES tenants,
    source_schema    text NOT NULL,
    source_id        text NOT NULL,
    -- What the replaced application called the tenant's contract. It is on no ledger.
    source_contract  text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    -- Of the generation that has adopted the schema: when, who its administrator is
    -- among its users, what was added, and the statements that take that off again, in
    -- their order. A rollback empties them.
    adopted_at       timestamptz,
    administrator_id uuid,
    changes          text[] NOT NULL DEFAULT '{}',
    undo             text[] NOT NULL DEFAULT '{}',
    -- How many passwords the activation has voided.
    voided           integer,
    UNIQUE (source_schema, source_id)
);

-- Claims a schema that is there for a tenant and generation. TP002: it is claimed
-- already, by this very generation. TP003: it belongs to somebody else. TP005: it is
-- not there.
-- +goose StatementBegin
CREATE FUNCTION claim_adopted_schema(name text, tenant uuid, gen integer, template bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE owner tenant_schema_versions;
BEGIN
    SELECT * INTO owner FROM tenant_schema_versions WHERE schema_name = name FOR UPDATE;
    IF FOUND AND owner.tenant_id = tenant AND owner.generation = gen THEN
        RAISE EXCEPTION 'the schema is adopted already' USING ERRCODE = 'TP002';
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'the schema belongs to somebody else' USING ERRCODE = 'TP003';
    END IF;
    IF to_regnamespace(quote_ident(name)) IS NULL THEN
        RAISE EXCEPTION 'the schema is not there' USING ERRCODE = 'TP005';
    END IF;
    INSERT INTO tenant_schema_versions (schema_name, tenant_id, generation, version) VALUES (name, tenant, gen, template);
END $$;
-- +goose StatementEnd

-- Voids the passwords of an imported tenant whose operation has not passed its pivot:
-- that of its administrator, who is invited, and all that are kept as SHA-256 without
-- salt, as the replaced application kept the one that all its tenants shared.
-- +goose StatementBegin
CREATE FUNCTION void_imported_passwords(operation uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE adopted record;
        n integer;
BEGIN
    SELECT t.id, t.schema_name, i.administrator_id INTO adopted
    FROM operations o JOIN tenants t ON t.id = o.tenant_id JOIN tenant_imports i ON i.tenant_id = t.id
    WHERE o.id = operation AND NOT o.pivot_passed AND i.adopted_at IS NOT NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    EXECUTE format($q$UPDATE %I.users SET password_hash = NULL, updated_at = now()
        WHERE password_hash IS NOT NULL AND (id = $1 OR password_hash ~ '^[0-9A-Fa-f]{64}$')$q$, adopted.schema_name) USING adopted.administrator_id;
    GET DIAGNOSTICS n = ROW_COUNT;
    UPDATE tenant_imports SET voided = n WHERE tenant_id = adopted.id;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION void_imported_passwords, claim_adopted_schema;
DROP TABLE tenant_imports;
