package e2e

import (
	"fmt"
	"net/http"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"tenant-provisioning/client"
	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/mail/mailtest"
)

// steps of a provisioning, as they stand in the log.
var steps = []string{
	"CREATE_TENANT_RECORD", "CREATE_SCHEMA", "RUN_MIGRATIONS", "SEED_ROLES_AND_USER",
	"DEPLOY_SOROBAN_CONTRACT", "STORE_CONTRACT_ADDRESS", "MARK_ACTIVE", "SEND_WELCOME_EMAIL",
}

// mails are those that a tenant's administrator has got.
func (i *installation) mails(to string) []mailtest.Message {
	i.t.Helper()
	r, err := http.Get(i.env["SENDGRID_BASE_URL"] + "/messages?to=" + to)
	require.NoError(i.t, err)
	defer r.Body.Close()
	return decode[[]mailtest.Message](i.t, r.Body)
}

// becomesActive waits for the end of a provisioning and holds everything that
// it has left, everywhere, against what it must leave: each thing once.
func (i *installation) becomesActive(o operation) tenant {
	i.t.Helper()
	i.reaches(o.ID, "SUCCEEDED")
	t := i.requireTenant(o)
	require.Equal(i.t, 1, len(i.mails(t.AdminEmail)), "mails") //nolint:testifylint // Len would print them
	require.Equal(i.t, "SENT", value[string](i, `SELECT string_agg(state, ' ') FROM emails WHERE tenant_id = $1`, t.ID))
	for _, step := range steps {
		require.Equal(i.t, 1, value[int](i, `
			SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND step = $2 AND status = 'COMPLETED' AND duration_ms >= 0`, o.ID, step), step)
	}
	require.Zero(i.t, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE operation_id = $1 AND status IN ('IN_PROGRESS', 'ROLLED_BACK', 'SKIPPED')`, o.ID))
	i.closes(o, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
	return t
}

// requireTenant checks an active tenant but for its mail.
func (i *installation) requireTenant(o operation) tenant {
	i.t.Helper()
	t := i.tenant(o.TenantID)
	require.Equal(i.t, client.StatusActive, t.Status, "%+v", t)
	require.Equal(i.t, 1, value[int](i, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, t.SchemaName))
	require.Equal(i.t, 1, value[int](i, `SELECT count(*) FROM pg_roles WHERE rolname = $1`, t.RoleName))
	require.Equal(i.t, 1, value[int](i, fmt.Sprintf(`SELECT count(*) FROM %q.users WHERE email = $1`, t.SchemaName), t.AdminEmail))
	require.Equal(i.t, tenantcontract.Active, i.contractStatus(t.ContractID), "the contract says that it is active")
	require.Equal(i.t, 1, value[int](i, `
		SELECT count(*) FROM stellar_transactions WHERE contract_id = $1 AND purpose = 'DEPLOY_CONTRACT' AND state = 'APPLIED'`, t.ContractID))
	return t
}

// requireNoMore holds what there is, in the database and on the ledger, against
// the tenants that have it, once every operation has ended.
func (i *installation) requireNoMore() {
	i.t.Helper()
	require.Zero(i.t, value[int](i, `
		SELECT count(*) FROM pg_namespace n WHERE nspname LIKE 't\_%' AND NOT EXISTS (
			SELECT FROM tenants t JOIN tenant_schema_versions v ON v.schema_name = t.schema_name AND v.tenant_id = t.id
			WHERE t.schema_name = n.nspname AND t.status <> 'FAILED')`), "schemas without a tenant")
	require.Equal(i.t,
		value[int](i, `SELECT count(*) FROM stellar_transactions WHERE purpose = 'DEPLOY_CONTRACT' AND state = 'APPLIED'`),
		i.contractsMade(), "the journal and the ledger agree")
}

// isRolledBack waits for the end of a rollback and checks that nothing is left
// but the record.
func (i *installation) isRolledBack(o operation, closed enumspb.WorkflowExecutionStatus) (operation, tenant) {
	i.t.Helper()
	o = i.reaches(o.ID, "ROLLED_BACK")
	t := i.tenant(o.TenantID)
	require.Equal(i.t, client.StatusFailed, t.Status)
	require.NotEmpty(i.t, t.FailureReason)
	require.Empty(i.t, t.ContractID)
	i.closes(o, closed)
	i.requireNothingOf(t)
	i.requireNoMore()
	return o, t
}

// requireNothingOf checks that a tenant has nothing but its record.
func (i *installation) requireNothingOf(t tenant) {
	i.t.Helper()
	require.Zero(i.t, value[int](i, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, t.SchemaName), "a schema")
	require.Zero(i.t, value[int](i, `SELECT count(*) FROM pg_roles WHERE rolname = $1`, t.RoleName), "a role")
	require.Zero(i.t, value[int](i, `SELECT count(*) FROM tenant_schema_versions WHERE tenant_id = $1`, t.ID), "an owner's row")
	require.Zero(i.t, value[int](i, `SELECT count(*) FROM stellar_transactions WHERE tenant_id = $1 AND state IN ('PREPARED', 'SENT')`, t.ID), "a transaction under way")
	require.Zero(i.t, len(i.mails(t.AdminEmail)), "mails") //nolint:testifylint // Empty would print them
	contract := value[string](i, `SELECT coalesce(max(contract_id), '') FROM stellar_transactions WHERE tenant_id = $1 AND purpose = 'DEPLOY_CONTRACT' AND state = 'APPLIED'`, t.ID)
	if contract != "" {
		require.Equal(i.t, tenantcontract.Terminated, i.contractStatus(contract), "a contract that lives")
	}
}
