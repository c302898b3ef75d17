-- +goose Up

-- A standby is a tenant that is made ahead and that nobody has asked for: it has no name
-- and no administrator until a request takes it. One that is rolled back or purged before
-- that never gets a name.
ALTER TABLE tenants DROP CONSTRAINT tenants_status_check, ADD CONSTRAINT tenants_status_check
    CHECK (status IN ('PENDING', 'PROVISIONING', 'ACTIVE', 'SUSPENDED', 'FAILED', 'ARCHIVED', 'DELETED', 'STANDBY'));
ALTER TABLE tenants DROP CONSTRAINT tenants_administrator_is_erased_by_a_purge, ADD CONSTRAINT tenants_administrator_is_erased_by_a_purge CHECK (
    num_nulls(admin_email, admin_first_name, admin_last_name) IN (0, 3)
    AND (admin_email IS NOT NULL OR status IN ('ARCHIVED', 'FAILED', 'DELETED', 'STANDBY'))
    AND (admin_email IS NULL OR status NOT IN ('DELETED', 'STANDBY')));
ALTER TABLE tenants ADD CONSTRAINT tenants_standby_has_no_name
    CHECK ((name = '' OR status <> 'STANDBY') AND (name <> '' OR status IN ('STANDBY', 'FAILED', 'DELETED')));

-- A standby that is taken is as new as the request for it, whatever its id.
DROP INDEX tenants_by_status;
CREATE INDEX tenants_by_status ON tenants (status, created_at, id);
CREATE INDEX tenants_by_age ON tenants (created_at, id);

-- What the workers want of the stock: how many, and what a tenant is made with today. One
-- row; the worker that fills the stock writes it.
CREATE TABLE standby_policy (
    is_only    boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    wanted     integer NOT NULL DEFAULT 0 CHECK (wanted >= 0),
    template   bigint NOT NULL DEFAULT 0,
    network    text NOT NULL DEFAULT '',
    -- The address of the contract's administrator, and the hash of its code, in hex.
    admin      text NOT NULL DEFAULT '',
    code       text NOT NULL DEFAULT '',
    -- Until then no worker fills the stock: another one does, or the pace forbids it.
    fill_after timestamptz NOT NULL DEFAULT now()
);
INSERT INTO standby_policy DEFAULT VALUES;

-- The stock: standbys that a request may take, with what their contracts were made with.
-- Who takes or purges one deletes its row.
CREATE TABLE standbys (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    network   text NOT NULL,
    admin     text NOT NULL,
    code      text NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX standbys_by_age ON standbys (made_at, tenant_id);

-- Every standby that is made, and why it is not handed out; null for one that is.
CREATE VIEW standby_stock AS
SELECT t.id AS tenant_id, t.created_at, CASE
    WHEN s.tenant_id IS NULL THEN 'record'
    WHEN v.schema_name IS NULL OR to_regnamespace(quote_ident(t.schema_name)) IS NULL THEN 'schema'
    WHEN (s.network, s.admin, s.code) <> (p.network, p.admin, p.code) THEN 'contract'
    WHEN EXISTS (SELECT FROM stellar_lives l WHERE l.network = s.network AND l.entry = t.contract_id
        AND (l.archived OR l.live_until IS NULL OR l.lives_until < now() + interval '14 days')) THEN 'rent'
    WHEN EXISTS (SELECT FROM findings f WHERE f.tenant_id = t.id AND f.state = 'open') THEN 'finding'
    WHEN v.version <> p.template THEN 'template'
    END AS unfit
FROM tenants t CROSS JOIN standby_policy p
LEFT JOIN standbys s ON s.tenant_id = t.id
LEFT JOIN tenant_schema_versions v ON v.tenant_id = t.id AND v.generation = t.generation AND v.schema_name = t.schema_name
WHERE t.status = 'STANDBY'
  AND NOT EXISTS (SELECT FROM operations o WHERE o.tenant_id = t.id AND o.state NOT IN ('SUCCEEDED', 'ROLLED_BACK'));

-- Standbys and the canary come first in a fleet run, each in a wave of their own: a single
-- failure among them pauses the run.
ALTER TABLE fleet_items ADD COLUMN comes_first boolean NOT NULL DEFAULT false;
UPDATE fleet_items SET comes_first = true WHERE wave = 0;

-- +goose Down
ALTER TABLE fleet_items DROP COLUMN comes_first;
UPDATE tenants SET status = 'DELETED' WHERE status = 'STANDBY';
DROP VIEW standby_stock;
DROP TABLE standbys, standby_policy;
DROP INDEX tenants_by_age;
DROP INDEX tenants_by_status;
CREATE INDEX tenants_by_status ON tenants (status, id);
ALTER TABLE tenants DROP CONSTRAINT tenants_standby_has_no_name;
ALTER TABLE tenants DROP CONSTRAINT tenants_administrator_is_erased_by_a_purge, ADD CONSTRAINT tenants_administrator_is_erased_by_a_purge CHECK (
    num_nulls(admin_email, admin_first_name, admin_last_name) IN (0, 3)
    AND (admin_email IS NOT NULL OR status IN ('ARCHIVED', 'FAILED', 'DELETED'))
    AND (admin_email IS NULL OR status <> 'DELETED'));
ALTER TABLE tenants DROP CONSTRAINT tenants_status_check, ADD CONSTRAINT tenants_status_check
    CHECK (status IN ('PENDING', 'PROVISIONING', 'ACTIVE', 'SUSPENDED', 'FAILED', 'ARCHIVED', 'DELETED'));
