package stellar_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

// earlier makes a deployer of an earlier version's code.
func (b *bench) earlier(t *testing.T, version int) *stellar.Deployer {
	t.Helper()
	wasm, err := os.ReadFile(fmt.Sprintf("../../contracts/tenant/testdata/%d.wasm", version))
	require.NoError(t, err)
	return b.with(t, func(c *stellar.Config) { c.Wasm = wasm })
}

// TestContractsAreUpgraded, those of each version, all at a time, and twice.
func TestContractsAreUpgraded(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d := b.with(t, nil)
	contracts, suspended := map[string]tenant.Fence{}, ""
	for version := 1; version < tenantcontract.Version; version++ {
		for range 3 {
			f := b.newTenant(t)
			id, err := b.earlier(t, version).Deploy(testContext(t), f, nil)
			require.NoError(t, err)
			contracts[id], suspended = f, id // one of the newest version
		}
	}
	require.NoError(t, d.SetStatus(testContext(t), contracts[suspended], suspended, tenant.ContractSuspended, nil))
	for range 2 {
		var all sync.WaitGroup
		for id := range contracts {
			all.Go(func() {
				if err := d.Upgrade(testContext(t), id, nil); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	for id := range contracts {
		present, code, err := d.Runs(t.Context(), id)
		require.NoError(t, err)
		require.True(t, present)
		hash := tenantcontract.Hash()
		require.Equal(t, hex.EncodeToString(hash[:]), code)
		want := tenant.ContractActive
		if id == suspended {
			want = tenant.ContractSuspended
		}
		b.requireStatus(t, d, id, want)
	}
	var paid int
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM stellar_transactions WHERE purpose = 'UPGRADE_CONTRACT' AND state = 'APPLIED'`).Scan(&paid))
	require.Equal(t, len(contracts), paid, "each once")
	b.requireConsistent(t)
}

// TestATerminatedContractIsNotUpgraded: it refuses, for good.
func TestATerminatedContractIsNotUpgraded(t *testing.T) {
	t.Parallel()
	b := ready(t)
	f := b.newTenant(t)
	id, err := b.earlier(t, 2).Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	d := b.with(t, nil)
	require.NoError(t, d.SetStatus(testContext(t), f, id, tenant.ContractTerminated, nil))
	s := stepError(t, d.Upgrade(testContext(t), id, nil))
	require.True(t, s.Permanent)
	require.Contains(t, s.Reason, "Error(Contract, #1)")
}

// TestCodeFromBeforeThereWereRowsIsKnown: the migration that made them writes it down.
func TestCodeFromBeforeThereWereRowsIsKnown(t *testing.T) {
	t.Parallel()
	migration, err := fs.ReadFile(migrations.Control(), "00009_contract_origins.sql")
	require.NoError(t, err)
	for version := 1; version < 3; version++ {
		wasm, err := os.ReadFile(fmt.Sprintf("../../contracts/tenant/testdata/%d.wasm", version))
		require.NoError(t, err)
		hash := sha256.Sum256(wasm)
		require.Contains(t, string(migration), hex.EncodeToString(hash[:]))
	}
}
