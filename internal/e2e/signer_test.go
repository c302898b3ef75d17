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
		"SOROBAN_ADMIN_SIGNER": "ssh-agent://" + agent.Socket + "?account=" + admin.Address(), "STEP_RETRY_BUDGET": "1m",
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
		return value[bool](i, `SELECT coalesce(last_probe_at > opened_at + interval '70 seconds', false) FROM incidents`)
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

// TestRunbookOfAKey hands the contracts over to another administrator: tenants from
// before are suspended, and in the end no worker has the key from before.
func TestRunbookOfAKey(t *testing.T) {
	t.Parallel()
	before, after := keypair.MustRandom(), keypair.MustRandom()
	settings := backedUp(t, "file://"+t.TempDir()) // the page has the keys of backups too
	settings["SOROBAN_ADMIN_SECRET"] = before.Seed()
	i := install(t, settings)
	_, worker := i.start()
	var tenants []tenant
	for _, name := range []string{"Charité", "Necker", "Karolinska"} {
		tenants = append(tenants, i.becomesActive(i.create(name)))
	}
	restarts := func() {
		worker.kill()
		worker = i.startWorker()
	}
	suspend := turns[0]
	suspends := func(tenant tenant) {
		i.reaches(suspend.ask(i, tenant.ID).ID, "SUCCEEDED")
		require.Equal(t, tenantcontract.Suspended, i.contractStatus(tenant.ContractID))
	}
	i.env["SOROBAN_ADMIN_SECRET"], i.env["SOROBAN_PREVIOUS_ADMIN_SECRET"] = after.Seed(), before.Seed()
	restarts()
	suspends(tenants[0])
	i.goes(operation{}, way(t, "rotate-keys.md", false))
	delete(i.env, "SOROBAN_PREVIOUS_ADMIN_SECRET")
	restarts()
	suspends(tenants[1])
	suspends(i.becomesActive(i.create("Bambino Gesù")))
	require.Contains(t, i.output("stellar", "hand-over", tenants[0].ID, "--reason", "ticket 4711"), "0 handed over, 1 had the present administrator, of 1")
	require.Equal(t, 3, value[int](i, `SELECT count(*) FROM stellar_transactions WHERE purpose = 'ACCEPT_ADMIN' AND state = 'APPLIED'`), "each once")
	require.Equal(t, 3, value[int](i, `SELECT count(*) FROM contract_origins`), "two administrators and one code")
}
