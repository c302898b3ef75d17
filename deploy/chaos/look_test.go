package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
)

// bundle is what chaos looks at, in a database of the test's own.
type bundle struct {
	t *testing.T
	*chaos
	tenant, operation, schema string
}

// setup has one tenant, with nothing of it beside its rows.
func setup(t *testing.T, status, state string) bundle {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	b := bundle{t: t, chaos: &chaos{pool: postgrestest.New(t)}, tenant: id, operation: uuid.Must(uuid.NewV7()).String(), schema: "t_" + id[28:]}
	b.execute(`INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
		VALUES ($1, 'Charité', 'charité', 'charite', $2, $2, 'app_1', $3, 'ada@hospital.example', 'Ada', 'Lovelace', 'standard', 'default')`, id, b.schema, status)
	b.execute(`INSERT INTO operations (id, tenant_id, kind, state, generation, pivot_passed, client, retry_budget, attention_period)
		VALUES ($1, $2, 'provision', $3, 1, $3 = 'SUCCEEDED', 'chaos', '1 h', '1 h')`, b.operation, id, state)
	b.completes(b.operation, tenant.StepCreateTenantRecord)
	return b
}

func (b bundle) execute(sql string, args ...any) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), sql, args...)
	require.NoError(b.t, err, sql)
}

// completes logs steps of an operation as done.
func (b bundle) completes(operation string, steps ...tenant.Step) {
	b.t.Helper()
	b.execute(`INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt) SELECT $1, $2, s, 'COMPLETED', 1 FROM unnest($3::text[]) AS s`,
		b.tenant, operation, steps)
}

// sends has a mail of an operation sent, and returns its id.
func (b bundle) sends(operation, template string) string {
	b.t.Helper()
	id := uuid.NewString()
	b.execute(`INSERT INTO emails (id, tenant_id, operation_id, template, state) VALUES ($1, $2, $3, $4, 'SENT')`, id, b.tenant, operation, template)
	return id
}

// makeRole makes the tenant's role, which belongs to the whole server.
func (b bundle) makeRole() {
	b.t.Helper()
	b.execute(`SELECT ensure_role($1, $2, 'NOLOGIN')`, b.schema, b.tenant)
	b.t.Cleanup(func() { b.dropRole(context.Background()) })
}

func (b bundle) dropRole(ctx context.Context) {
	b.t.Helper()
	_, err := b.pool.Exec(ctx, `DROP ROLE IF EXISTS `+b.schema)
	require.NoError(b.t, err)
}

func (b bundle) left() []string {
	b.t.Helper()
	left, err := b.leftovers(b.t.Context(), nil)
	require.NoError(b.t, err)
	return left
}

func (b bundle) found() found {
	b.t.Helper()
	all, err := b.tenants(b.t.Context())
	require.NoError(b.t, err)
	require.Len(b.t, all, 1)
	return all[0]
}

func TestAFailedTenantHasNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, "FAILED", "ROLLED_BACK")
	require.Empty(t, b.left())
	require.Empty(t, judge(b.found(), nil))

	b.execute(`CREATE SCHEMA ` + b.schema)
	require.Equal(t, []string{"schema without a tenant: " + b.schema}, b.left())
	require.Equal(t, []string{"1 schema, expected 0"}, judge(b.found(), nil))

	b.execute(`DROP SCHEMA ` + b.schema)
	b.execute(`INSERT INTO tenant_schema_versions (schema_name, tenant_id, generation, version) VALUES ($1, $2, 1, 1)`, b.schema, b.tenant)
	require.Equal(t, []string{"row of a schema's owner without a tenant: " + b.schema + ", generation 1"}, b.left())
	require.Equal(t, []string{"1 row of a schema's owner, expected 0"}, judge(b.found(), nil))

	b.execute(`DELETE FROM tenant_schema_versions`)
	b.makeRole()
	require.Equal(t, []string{"marked role without a tenant: " + b.schema}, b.left())
	require.Equal(t, []string{"1 role, expected 0"}, judge(b.found(), nil))
	b.dropRole(t.Context())
	require.Empty(t, judge(b.found(), nil))
}

// TestALifeHasEverything: what is in the database is all that judge needs, before
// access ends and afterwards.
func TestALifeHasEverything(t *testing.T) {
	t.Parallel()
	b := setup(t, "ACTIVE", "SUCCEEDED")
	require.Len(t, judge(b.found(), nil), 13, "7 steps, schema, role, owner, users, access, deployment")

	b.execute(`UPDATE tenants SET contract_id = 'C1'`)
	b.makeRole()
	b.execute(`CREATE SCHEMA ` + b.schema + ` CREATE TABLE users (id uuid)`)
	b.execute(`INSERT INTO tenant_schema_versions (schema_name, tenant_id, generation, version) VALUES ($1, $2, 1, 1)`, b.schema, b.tenant)
	b.execute(`INSERT INTO stellar_transactions (hash, tenant_id, operation_id, generation, purpose, contract_id, state, network, channel, sequence, envelope, after_ledger, max_time, settled_at)
		VALUES (repeat('a', 64), $1, $2, 1, 'DEPLOY_CONTRACT', 'C1', 'APPLIED', 'n', 'c', 1, '', 1, now(), now())`, b.tenant, b.operation)
	b.completes(b.operation, tenant.KindProvision.Steps()[1:]...)
	caught := map[string]int{b.sends(b.operation, "welcome"): 1}
	require.Equal(t, []string{"0 access to its schema, expected 1"}, judge(b.found(), caught))
	b.execute(`GRANT USAGE ON SCHEMA ` + b.schema + ` TO ` + b.schema)
	require.Empty(t, judge(b.found(), caught))
	require.Empty(t, b.left())

	b.execute(`UPDATE tenants SET contract_id = 'C2'`)
	require.Equal(t, []string{"0 applied deployment of its contract, expected 1"}, judge(b.found(), caught))

	b.execute(`UPDATE tenants SET contract_id = 'C1', status = 'SUSPENDED'`)
	suspension := uuid.Must(uuid.NewV7()).String()
	b.execute(`INSERT INTO operations (id, tenant_id, kind, state, generation, from_status, to_status, pivot_passed, client, retry_budget, attention_period)
		VALUES ($1, $2, 'suspend', 'SUCCEEDED', 1, 'ACTIVE', 'SUSPENDED', true, 'chaos', '1 h', '1 h')`, suspension, b.tenant)
	b.completes(suspension, tenant.KindSuspend.Steps()...)
	caught[b.sends(suspension, "suspended")] = 1
	require.Equal(t, []string{"1 access to its schema, expected 0"}, judge(b.found(), caught))
	b.execute(`REVOKE USAGE ON SCHEMA ` + b.schema + ` FROM ` + b.schema)
	require.Empty(t, judge(b.found(), caught))
	require.Empty(t, b.left())
}

// TestWhatHasNoEnd is found, each thing by its own query.
func TestWhatHasNoEnd(t *testing.T) {
	t.Parallel()
	b := setup(t, "PROVISIONING", "RUNNING")
	require.Equal(t, []string{"open operation: RUNNING of " + b.tenant}, b.left())
	require.Contains(t, judge(b.found(), nil)[0], "whether it is closed is false, expected true")

	b.execute(`UPDATE operations SET state = 'SUCCEEDED'`)
	b.execute(`INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt) VALUES ($1, $2, 'SEND_WELCOME_EMAIL', 'IN_PROGRESS', 1)`, b.tenant, b.operation)
	b.execute(`INSERT INTO emails (id, tenant_id, operation_id, template, state) SELECT gen_random_uuid(), tenant_id, id, 'welcome', 'SENDING' FROM operations WHERE tenant_id = $1`, b.tenant)
	b.execute(`INSERT INTO stellar_transactions (hash, tenant_id, operation_id, generation, purpose, target_status, state, network, channel, sequence, envelope, after_ledger, max_time)
		VALUES (repeat('a', 64), $1, $2, 1, 'SET_STATUS', 'terminated', 'SENT', 'n', 'c', 1, '', 1, now())`, b.tenant, b.operation)
	b.execute(`INSERT INTO incidents (dependency, cause, affected) VALUES ('mail', 'it is away', 10)`)
	b.execute(`INSERT INTO findings (kind, subject, detail, repair, safe) VALUES ('lost-attempt', 'x', 'it stands', 'by hand', false)`)
	b.execute(`CREATE SCHEMA t_00000000`)
	require.Len(t, b.left(), 6, "%v", b.left())
}

// TestAPurgedTenantHasACertificate, one, and nothing of its administrator.
func TestAPurgedTenantHasACertificate(t *testing.T) {
	t.Parallel()
	b := setup(t, "FAILED", "ROLLED_BACK")
	b.execute(`UPDATE tenants SET status = 'DELETED', admin_email = NULL, admin_first_name = NULL, admin_last_name = NULL`)
	certify := func() {
		b.execute(`INSERT INTO audit_log (actor, action, outcome, tenant_id, operation_id) VALUES ('schedule', 'purge-certificate', 'done', $1, $2)`, b.tenant, b.operation)
	}
	certificates := func(n int) []string {
		return []string{fmt.Sprintf("purge without a certificate, or with two: %s: %d", b.tenant, n)}
	}
	require.Equal(t, certificates(0), b.left())
	certify()
	require.Empty(t, b.left())
	certify()
	require.Equal(t, certificates(2), b.left())
	b.execute(`TRUNCATE audit_log`)
	certify()
	b.execute(`INSERT INTO invitations (token_hash, tenant_id, user_id, expires_at) VALUES ('x', $1, $1, now())`, b.tenant)
	b.execute(`INSERT INTO idempotency_keys (client, key_hash, request_hash, operation_id) VALUES ('chaos', 'x', 'x', $1)`, b.operation)
	require.ElementsMatch(t, []string{
		"trace of a purged tenant's administrator: " + b.tenant + ": a link",
		"trace of a purged tenant's administrator: " + b.tenant + ": the hash of a request",
	}, b.left())
}
