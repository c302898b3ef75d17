package e2e

import (
	"crypto/rand"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/stellar/sshagent/sshagenttest"
)

// TestNoWorkerHasTheAdministratorsKey: an ssh-agent has it. While it is locked what
// changes contracts waits, as one incident, and all goes on when it is not.
func TestNoWorkerHasTheAdministratorsKey(t *testing.T) {
	t.Parallel()
	agent, admin := sshagenttest.Best(t).Start(), keypair.MustRandom()
	agent.Add(admin)
	i := install(t, map[string]string{
		"SOROBAN_ADMIN_SIGNER": "ssh-agent://" + agent.Socket + "?account=" + admin.Address(), "STEP_RETRY_BUDGET": "20s",
	})
	i.start()
	var tenants []tenant
	for _, o := range i.createMany() {
		tenants = append(tenants, i.becomesActive(o))
	}
	password := rand.Text()
	agent.Lock(password)
	suspend := turns[0]
	operations := make([]operation, len(tenants))
	for n, tenant := range tenants {
		operations[n] = suspend.ask(i, tenant.ID)
	}
	eventually(t, "an incident of the signer is opened", func() bool {
		return value[int](i, `SELECT count(*) FROM incidents WHERE closed_at IS NULL AND dependency = 'signer'`) == 1
	})
	require.Regexp(t, `(?s)state +open\s.*runbook +docs/runbooks/signer-away\.md`, i.output("incidents"))
	eventually(t, "it lasts longer than a budget", func() bool {
		return value[bool](i, `SELECT coalesce(last_probe_at > opened_at + interval '30 seconds', false) FROM incidents`)
	})
	for n, o := range operations {
		require.Contains(t, waiting, i.operation(o.ID).State)
		require.Equal(t, tenantcontract.Active, i.contractStatus(tenants[n].ContractID))
	}
	require.Zero(t, value[int](i, `SELECT count(*) FROM incidents WHERE dependency <> 'signer'`), "the ledger is well")

	agent.Unlock(password)
	for n, o := range operations {
		i.reaches(o.ID, "SUCCEEDED")
		require.Equal(t, client.StatusSuspended, i.tenant(o.TenantID).Status)
		require.Equal(t, tenantcontract.Suspended, i.contractStatus(tenants[n].ContractID))
	}
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM incidents WHERE closed_at IS NOT NULL AND affected >= 10`))
	i.requireNoMore()
}

// TestRunbookOfASigner follows the page for one that signs again.
func TestRunbookOfASigner(t *testing.T) {
	t.Parallel()
	agent, admin := sshagenttest.Best(t).Start(), keypair.MustRandom()
	i := install(t, map[string]string{
		"SOROBAN_ADMIN_SIGNER": "ssh-agent://" + agent.Socket + "?account=" + admin.Address(),
		"STEP_RETRY_BUDGET":    impatient["STEP_RETRY_BUDGET"],
	})
	i.start()
	tenant := i.becomesActive(i.create("Charité"))
	o := i.reaches(turns[0].ask(i, tenant.ID).ID, "NEEDS_ATTENTION")
	require.Contains(t, o.FailureReason, "does not have the key of account "+admin.Address())
	agent.Add(admin)
	i.follow(o, "signer-away.md")
	i.reaches(o.ID, "SUCCEEDED")
	require.Equal(t, tenantcontract.Suspended, i.contractStatus(tenant.ContractID))
}
