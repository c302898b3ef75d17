package e2e

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"tenant-provisioning/client"
	tenantcontract "tenant-provisioning/contracts/tenant"
)

// undos are the names of what a plan undoes.
func undos(p client.RollbackPlan) (names []string) {
	for _, s := range p.Steps {
		names = append(names, s.Name)
	}
	return names
}

func (i *installation) dryRun(o operation) client.RollbackPlan {
	i.t.Helper()
	before := i.operation(o.ID)
	plan, err := i.client().PlanRollback(i.t.Context(), o.ID)
	require.NoError(i.t, err)
	require.Equal(i.t, before, i.operation(o.ID), "a dry run changes nothing")
	return plan
}

// TestAPlanThatHasChanged is not carried out; the present one is.
func TestAPlanThatHasChanged(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	i.rpc.refuse()
	i.start()
	held := i.holdRow("provisioning_logs", "NEW.step = 'SEED_ROLES_AND_USER'")
	o := i.create("Charité")
	held.await()
	early := i.dryRun(o)
	require.Equal(t, []string{"drop schema and role", "mark the tenant FAILED"}, undos(early))
	held.release()
	o = i.reaches(o.ID, "NEEDS_ATTENTION")

	present := i.dryRun(o)
	require.Equal(t, []string{"terminate the contract", "drop schema and role", "mark the tenant FAILED"}, undos(present))
	require.False(t, present.Steps[0].Reversible, "a ledger cannot be undone")
	rollback := func(hash string) error {
		_, err := i.client().RollbackOperation(t.Context(), o.ID, client.RollbackOperationParams{Reason: "a test", PlanHash: hash})
		return err
	}
	refusal, refused := errors.AsType[*client.Problem](rollback(early.PlanHash))
	require.True(t, refused)
	require.Equal(t, client.CodePlanChanged, refusal.Code)
	require.Contains(t, refusal.Detail, present.PlanHash)
	require.Equal(t, o, i.operation(o.ID))
	require.Equal(t, "refused", value[string](i, `SELECT outcome FROM audit_log WHERE operation_id = $1 AND action = 'rollback'`, o.ID))

	require.NoError(t, rollback(present.PlanHash))
	i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
}

// TestReprovision makes a failed tenant anew: the same id, the next generation,
// another contract, whatever is repeated or killed.
func TestReprovision(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	o := i.create("Charité")
	end := failures["the database rejects the activation"].arrange(i, o)
	worker := i.startWorker()
	o, failed := i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	end()
	made := value[string](i, `SELECT contract_id FROM stellar_transactions WHERE tenant_id = $1 AND purpose = 'DEPLOY_CONTRACT'`, o.TenantID)

	r := i.insist(http.MethodPatch, "/v1/tenants/"+o.TenantID, map[string]string{"adminEmail": "ada@right.example"})
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	held := i.rpc.hold(t, sendTransaction, afterSending)
	path, key := "/v1/tenants/"+o.TenantID+"/reprovision", uuid.NewString()
	replies := i.atOnce(5, func() reply {
		return i.insist(http.MethodPost, path, map[string]string{"reason": "a test"}, "Idempotency-Key", key)
	})
	again := i.accepted(replies[0])
	for _, r := range replies {
		require.Equal(t, again.ID, i.accepted(r).ID, "the same request is the same operation")
	}
	require.Equal(t, o.TenantID, again.TenantID)
	held.await()
	worker.kill()
	held.release()
	i.startWorker()

	tenant := i.becomesActive(again)
	require.Equal(t, failed.SchemaName, tenant.SchemaName)
	require.Equal(t, "ada@right.example", tenant.AdminEmail)
	require.NotEqual(t, made, tenant.ContractID)
	require.Equal(t, tenantcontract.Terminated, i.contractStatus(made), "that of the first generation")
	require.Equal(t, 2, value[int](i, `SELECT generation FROM tenants WHERE id = $1`, tenant.ID))
	i.requireNoMore()
	i.setsFirstPassword(tenant)

	r = i.insist(http.MethodPost, path, nil)
	require.Equal(t, http.StatusConflict, r.status, "%s", r.body)
	require.Equal(t, client.CodeActionRefused, read[problem](i, r).Code)
}

// TestReprovisionNeedsTheName, which somebody may have taken meanwhile.
func TestReprovisionNeedsTheName(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	o := i.parksBeforeThePivot()
	i.actUntilAccepted(o.ID, "rollback")
	i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	i.rpc.heal()
	i.becomesActive(i.create("Charité"))
	r := i.insist(http.MethodPost, "/v1/tenants/"+o.TenantID+"/reprovision", nil)
	require.Equal(t, http.StatusConflict, r.status, "%s", r.body)
	require.Equal(t, client.CodeNameTaken, read[problem](i, r).Code)
	i.requireNothingOf(i.tenant(o.TenantID))
}
