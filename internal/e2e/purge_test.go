package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
	tenantcontract "tenant-provisioning/contracts/tenant"
)

// purge is the last turn in a tenant's life.
var purge = turn{
	"purge", http.MethodPost, "/purge", "DELETED", tenantcontract.Terminated, "deleted",
	[]string{"TERMINATE_CONTRACT", "DROP_SCHEMA", "ERASE_ADMINISTRATOR", "MARK_DELETED"}, true,
}

// archives has a tenant archived.
func (i *installation) archives(t tenant) {
	i.t.Helper()
	i.takes(turns[2], turns[2].ask(i, t.ID), t, len(i.mails(t.AdminEmail))+1)
}

// isGone holds what a purge has left against what may stay of a tenant.
func (i *installation) isGone(was tenant) {
	i.t.Helper()
	now := i.tenant(was.ID)
	require.Equal(i.t, client.StatusDeleted, now.Status)
	require.Equal(i.t, was.ContractID, now.ContractID)
	require.Empty(i.t, now.AdminEmail)
	require.Zero(i.t, value[int](i, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, was.SchemaName))
	require.Zero(i.t, value[int](i, `SELECT count(*) FROM pg_roles WHERE rolname = $1`, was.RoleName))
	require.Equal(i.t, 1, value[int](i, `SELECT count(*) FROM audit_log WHERE tenant_id = $1 AND action = 'purge-certificate' AND outcome = 'done'`, was.ID))
	for _, table := range value[[]string](i, `SELECT array_agg(relname::text) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`) {
		require.Zero(i.t, value[int](i, `SELECT count(*) FROM "`+table+`" r WHERE to_jsonb(r)::text ILIKE '%' || $1 || '%'`, was.AdminEmail), "%s knows the administrator", table)
	}
	require.Equal(i.t, http.StatusConflict, i.insist(http.MethodPatch, "/v1/tenants/"+was.ID, map[string]string{"adminFirstName": "Grace"}).status)
}

// TestWorkerIsKilledInAPurge once in each step.
func TestWorkerIsKilledInAPurge(t *testing.T) {
	t.Parallel()
	for name, stop := range purge.moments() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			i.execute(watchChanges)
			i.startAPI()
			worker := i.startWorker()
			tenant := i.becomesActive(i.create("Charité"))
			i.archives(tenant)
			held := stop(i)
			o := purge.ask(i, tenant.ID)
			held.await()
			worker.kill()
			held.release()
			i.startWorker()
			i.takes(purge, o, tenant, 3)
			i.isGone(tenant)
			require.Empty(t, i.reconciles())
			require.Empty(t, i.unannounced())
		})
	}
}

// TestAnArchiveIsPurgedWhenItsTimeIsOver by the schedule that reconciles, unless a
// legal hold keeps it.
func TestAnArchiveIsPurgedWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	i := install(t, map[string]string{"DELETE_GRACE": "1s"})
	i.startAPI()
	i.startWorker()
	tenant := i.becomesActive(i.create("Charité"))
	hold := "/v1/tenants/" + tenant.ID + "/legal-hold"
	require.Equal(t, http.StatusOK, i.insist(http.MethodPut, hold, map[string]string{"reason": "case 17"}).status)
	i.archives(tenant)
	eventually(t, "the grace period is over", func() bool {
		return value[bool](i, `SELECT purge_after < now() FROM tenants WHERE id = $1`, tenant.ID)
	})
	require.Empty(t, i.reconciles())
	require.Zero(t, value[int](i, `SELECT count(*) FROM operations WHERE kind = 'purge'`))
	r := i.insist(http.MethodPost, "/v1/tenants/"+tenant.ID+"/purge", map[string]string{"reason": "x"})
	require.Equal(t, http.StatusConflict, r.status)
	require.Contains(t, read[problem](i, r).Detail, "a legal hold")

	require.Equal(t, http.StatusOK, i.insist(http.MethodDelete, hold, map[string]string{"reason": "case 17 is closed"}).status)
	i.reconciles()
	o := value[string](i, `SELECT id::text FROM operations WHERE kind = 'purge' AND client = 'schedule'`)
	i.reaches(o, "SUCCEEDED")
	i.isGone(tenant)
	require.Equal(t, tenantcontract.Terminated, i.contractStatus(tenant.ContractID))
	require.Equal(t, 3, len(i.mails(tenant.AdminEmail)), "welcome, archived and deleted") //nolint:testifylint // Len would print them
	require.Empty(t, i.reconciles())
}

// TestAPurgeWithoutTheLedgerKeepsTheSchema: the contract goes first, so nothing is
// lost while nobody can say what becomes of it. An administrator may go on without.
func TestAPurgeWithoutTheLedgerKeepsTheSchema(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	i.startAPI()
	i.startWorker()
	tenant := i.becomesActive(i.create("Charité"))
	i.archives(tenant)
	i.rpc.refuse()
	o := i.accepted(i.insist(http.MethodPost, "/v1/tenants/"+tenant.ID+"/purge", map[string]string{"reason": "x"}, "Idempotency-Key", uuid.NewString()))
	parked := i.reaches(o.ID, "NEEDS_ATTENTION")
	require.Equal(t, client.StepNameTerminateContract, parked.FailedStep)
	require.Equal(t, []client.Action{client.ActionRetry, client.ActionSkip}, parked.AllowedActions)
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, tenant.SchemaName))
	require.Equal(t, client.StatusArchived, i.tenant(tenant.ID).Status)
	require.Equal(t, tenant.AdminEmail, i.tenant(tenant.ID).AdminEmail)
	require.Equal(t, http.StatusConflict, i.insist(http.MethodPut, "/v1/tenants/"+tenant.ID+"/legal-hold", map[string]string{"reason": "late"}).status)
	i.actUntilAccepted(o.ID, "skip")
	i.reaches(o.ID, "SUCCEEDED")
	i.isGone(tenant)
	i.rpc.heal()
	open := i.reconciles()
	require.Len(t, open, 1, "what was skipped is found")
	require.Equal(t, "failed-with-contract", open[0].Kind)
	i.output("reconcile", "--repair", open[0].ID, "--yes", "--reason", "ticket 4711")
	require.Equal(t, tenantcontract.Terminated, i.contractStatus(tenant.ContractID))
	require.Empty(t, i.reconciles())
}
