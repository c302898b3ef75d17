package stellar_test

import (
	"testing"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/stellar"
)

// examined are the lines about a deployer's network, by their check.
func (b *bench) examined(t *testing.T, d *stellar.Deployer) map[string]doctor.Line {
	t.Helper()
	journal, err := postgres.NewFacts(b.pool)
	require.NoError(t, err)
	found := map[string]doctor.Line{}
	for _, l := range doctor.Examine(t.Context(), deadline, []doctor.Subject{doctor.ExamineLedger(d.Facts(), journal, devnet.Passphrase)}) {
		found[l.Check] = l
	}
	return found
}

func requireLine(t *testing.T, l doctor.Line, state doctor.State, says string) {
	t.Helper()
	require.Equal(t, state, l.State, l.Says)
	require.Contains(t, l.Says+" mend: "+l.Mend, says)
}

// TestFacts go from a network on which there is nothing of ours to one with a
// tenant's contract; then what may go wrong there does. Nothing is sent.
func TestFacts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	d := b.with(t, nil)
	found := b.examined(t, d)
	requireLine(t, found["server"], doctor.OK, devnet.Passphrase)
	requireLine(t, found["health"], doctor.OK, "one every")
	requireLine(t, found["clock"], doctor.OK, "old by this machine's clock")
	requireLine(t, found["channels"], doctor.Failure, "3 of 3 channel accounts are not on the ledger")
	requireLine(t, found["balance"], doctor.Failure, b.admin.Address())
	requireLine(t, found["code"], doctor.Failure, "starter setup")
	requireLine(t, found["contracts"], doctor.OK, "no tenant has a contract yet")

	fund(t, b.url, d.Address())
	require.NoError(t, d.Setup(testContext(t), nil))
	fence := b.newTenant(t)
	id, err := d.Deploy(testContext(t), fence, nil)
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `UPDATE tenants SET status = 'ACTIVE', contract_id = $2, activated_at = now() WHERE id = $1`, string(fence.Tenant), id)
	require.NoError(t, err)
	require.Eventually(t, func() bool { // else nobody knows the pace of the ledgers
		h, err := newClient(t, b.url).GetHealth(t.Context())
		return err == nil && h.LatestLedgerCloseTime > h.OldestLedgerCloseTime
	}, deadline, 10*time.Millisecond)
	sent := len(ledgerTransactions(t, b.url))
	found = b.examined(t, d)
	requireLine(t, found["channels"], doctor.OK, "3 channel accounts")
	requireLine(t, found["balance"], doctor.OK, "at the pace of the last 24 hours")
	requireLine(t, found["fee"], doctor.OK, "SOROBAN_MAX_FEE")
	requireLine(t, found["code"], doctor.Warning, "is archived in")         // 120,960 ledgers of 50 ms
	require.Contains(t, found["contracts"].Says, "of 1 contract looked at") // by a pace that has just begun

	// What lives long enough by the clock of a slow network.
	slow := b.through(t, newProxy(t, b.url, firstOf(99, protocol.GetHealthMethodName, func(x *exchange) {
		x.result(protocol.GetHealthResponse{
			Status: "healthy", LatestLedger: 1000, OldestLedger: 1, LatestLedgerCloseTime: time.Now().Unix(),
			OldestLedgerCloseTime: time.Now().Add(-time.Hour * 24).Unix(), LedgerRetentionWindow: 1000,
		})
	})))
	found = b.examined(t, slow)
	requireLine(t, found["code"], doctor.OK, "on the ledger for")
	requireLine(t, found["contracts"], doctor.OK, "all are on the ledger")

	stale := b.through(t, newProxy(t, b.url, firstOf(99, protocol.GetHealthMethodName, func(x *exchange) {
		x.result(protocol.GetHealthResponse{Status: "unhealthy", LatestLedger: 1000, LatestLedgerCloseTime: time.Now().Add(-time.Hour).Unix()})
	})))
	found = b.examined(t, stale)
	requireLine(t, found["health"], doctor.Failure, "unhealthy")
	requireLine(t, found["clock"], doctor.Failure, "1h0m")

	archived := b.through(t, newProxy(t, b.url, firstOf(99, protocol.GetLedgerEntriesMethodName, func(x *exchange) {
		x.edit(func(result map[string]any) {
			for _, e := range result["entries"].([]any) { //nolint:forcetypeassert // it is one
				if entry := e.(map[string]any); entry["liveUntilLedgerSeq"] != nil { //nolint:forcetypeassert // it is one
					entry["liveUntilLedgerSeq"] = 0
				}
			}
		})
	})))
	found = b.examined(t, archived)
	requireLine(t, found["code"], doctor.Warning, "is archived: the keeper restores it")
	requireLine(t, found["contracts"], doctor.Warning, "1 is archived, and the keeper has not restored them yet")

	dear := b.with(t, func(c *stellar.Config) { c.Limits.Transaction = 1000 })
	requireLine(t, b.examined(t, dear)["fee"], doctor.Failure, "SOROBAN_MAX_FEE=1000")
	more := b.with(t, func(c *stellar.Config) { c.Channels = 250 })
	requireLine(t, b.examined(t, more)["channels"], doctor.Failure, "247 of 250")
	requireLine(t, b.examined(t, more)["balance"], doctor.OK, "")
	other := b.with(t, func(c *stellar.Config) { c.Passphrase = "another" })
	requireLine(t, b.examined(t, other)["server"], doctor.Failure, "SOROBAN_NETWORK")
	away := b.through(t, newProxy(t, b.url, firstOf(99, protocol.GetNetworkMethodName, func(x *exchange) { x.status(503) })))
	requireLine(t, b.examined(t, away)["server"], doctor.Failure, "SOROBAN_RPC_URL")
	_, err = b.pool.Exec(t.Context(), `UPDATE tenants SET contract_id = 'CBVJ7OKD4MXDOYNNUOAYK5PYOXADMYZNEHM46PS5IHHYSZUZ72VY2FSB'`)
	require.NoError(t, err)
	requireLine(t, b.examined(t, d)["contracts"], doctor.Failure, "starter reconcile")
	require.Len(t, ledgerTransactions(t, b.url), sent)

	_, err = b.pool.Exec(t.Context(), `UPDATE stellar_transactions SET fee_charged = fee_charged * 1000000 WHERE purpose = 'DEPLOY_CONTRACT'`)
	require.NoError(t, err)
	requireLine(t, b.examined(t, d)["balance"], doctor.Failure, "send XLM to "+b.admin.Address())
}
