package stellar_test

import (
	"net/http"
	"os"
	"testing"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

const (
	// A day of ledgers as the public network closes them.
	day = 17_280
	// publicLife is how long a new entry lives there.
	publicLife = 120 * day
)

// onPublicTerms is a network whose entries live as long as on the public network, with
// code and channels, and with the command of it.
func onPublicTerms(t *testing.T) (*bench, *devnet.Network) {
	t.Helper()
	b := setupOn(t, devnet.Config{MinPersistentTTL: publicLife, MaxTTL: 180 * day})
	fund(t, b.url, b.admin.Address())
	require.NoError(t, b.with(t, nil).Setup(testContext(t), nil))
	return b, b.net
}

// paidFor is what the journal has of purposes, in XLM.
func (b *bench) paidFor(t *testing.T, purposes ...submit.Purpose) float64 {
	t.Helper()
	var paid float64
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT coalesce(sum(fee_charged), 0) / 1e7 FROM stellar_transactions WHERE purpose = ANY ($1)`, purposes).Scan(&paid))
	return paid
}

// TestHalfAYear of the public network: what is kept is never archived, and costs what
// the rent of that time does; what is not kept is archived.
func TestHalfAYear(t *testing.T) {
	t.Parallel()
	b, n := onPublicTerms(t)
	d := b.with(t, nil)
	var contracts []tenant.EntryLife
	for range 20 {
		id, err := d.Deploy(testContext(t), b.newTenant(t), nil)
		require.NoError(t, err)
		contracts = append(contracts, tenant.EntryLife{Entry: id})
	}
	left, err := d.Deploy(testContext(t), b.newTenant(t), nil)
	require.NoError(t, err)
	deployed := b.paidFor(t, submit.PurposeDeploy)
	uploaded := b.paidFor(t, submit.PurposeUpload)
	extended := 0
	for range 26 {
		require.NoError(t, n.Advance(t.Context(), 7*day))
		kept, err := d.Keep(testContext(t), contracts, nil)
		require.NoError(t, err)
		require.Zero(t, kept.Restored)
		extended += kept.Extended
		for _, l := range kept.Lives {
			require.False(t, l.Absent || l.Archived, "%+v", l)
			require.Greater(t, l.Left, 60*24*time.Hour-time.Minute, "%+v", l)
		}
	}
	require.Positive(t, extended)
	// The first 120 days were paid at the beginning. After 182 days each lives for 60 to
	// 120 more, so that 122 to 182 days were bought since.
	kept, first := b.paidFor(t, submit.PurposeExtend), uploaded+deployed*20/21
	t.Logf("the first 120 days cost %.2f XLM, the keeping since %.2f", first, kept)
	require.GreaterOrEqual(t, kept, 0.95*first*122/120)
	require.LessOrEqual(t, kept, 1.05*first*182/120)
	require.Zero(t, b.paidFor(t, submit.PurposeRestore))

	seen, err := d.Watch(testContext(t), []tenant.EntryLife{{Entry: left}}, nil)
	require.NoError(t, err)
	require.True(t, seen.Lives[1].Archived, "nobody has kept it")
	before := b.paidFor(t, submit.PurposeSetStatus)
	require.NoError(t, d.SetStatus(testContext(t), b.newTenant(t), contracts[0].Entry, tenant.ContractSuspended, nil))
	require.Less(t, b.paidFor(t, submit.PurposeSetStatus)-before, 0.01, "a tenant pays for its own alone")
}

// TestAnAddressThatIsNone does not keep the others from being kept, and is told as
// what is not on the ledger.
func TestAnAddressThatIsNone(t *testing.T) {
	t.Parallel()
	b, n := onPublicTerms(t)
	d := b.with(t, nil)
	id, err := d.Deploy(testContext(t), b.newTenant(t), nil)
	require.NoError(t, err)
	require.NoError(t, n.Advance(t.Context(), 70*day))
	kept, err := d.Keep(testContext(t), []tenant.EntryLife{{Entry: "CNONE", Tenant: "first"}, {Entry: id, Tenant: "second"}}, nil)
	require.NoError(t, err)
	require.Equal(t, 2, kept.Extended, "code and contract")
	require.Len(t, kept.Lives, 3)
	require.Equal(t, tenant.EntryLife{Entry: "CNONE", Tenant: "first", Absent: true}, kept.Lives[2])
	require.Equal(t, id, kept.Lives[1].Entry)
	require.False(t, kept.Lives[1].Absent)
}

// TestWhatIsArchivedIsRestored, the code first, and out of the keeper's purse: whoever
// comes first pays no more than at any time.
func TestWhatIsArchivedIsRestored(t *testing.T) {
	t.Parallel()
	b, n := onPublicTerms(t)
	d := b.with(t, nil)
	f := b.newTenant(t)
	id, err := d.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	require.NoError(t, n.Advance(t.Context(), publicLife+1))

	seen, err := d.Watch(testContext(t), []tenant.EntryLife{{Entry: id}}, nil)
	require.NoError(t, err)
	require.True(t, seen.Lives[0].Archived)
	require.True(t, seen.Lives[1].Archived)
	b.requireStatus(t, d, id, tenant.ContractActive)

	// Whoever deploys, and whoever changes a status, has the code restored.
	deployed := b.paidFor(t, submit.PurposeDeploy)
	_, err = d.Deploy(testContext(t), b.newTenant(t), nil)
	require.NoError(t, err)
	require.Less(t, b.paidFor(t, submit.PurposeDeploy)-deployed, 1.0)
	require.Greater(t, b.paidFor(t, submit.PurposeRestore), 20.0)
	require.NoError(t, d.SetStatus(testContext(t), f, id, tenant.ContractSuspended, nil))
	require.Less(t, b.paidFor(t, submit.PurposeSetStatus), 1.0, "its own instance")

	require.NoError(t, n.Advance(t.Context(), 180*day))
	kept, err := d.Keep(testContext(t), []tenant.EntryLife{{Entry: id}}, nil)
	require.NoError(t, err)
	require.Equal(t, 2, kept.Restored)
	require.False(t, kept.Lives[0].Archived || kept.Lives[1].Archived)
	b.requireStatus(t, d, id, tenant.ContractSuspended)

	require.NoError(t, n.Advance(t.Context(), 180*day))
	var said []string
	require.NoError(t, d.Setup(testContext(t), func(s string) { said = append(said, s) }))
	seen, err = d.Watch(testContext(t), nil, nil)
	require.NoError(t, err)
	require.False(t, seen.Lives[0].Archived, "setup restores it")
}

// TestTheKeeperHasItsOwnPurse: bounds of its own, which the rest may not spend either.
func TestTheKeeperHasItsOwnPurse(t *testing.T) {
	t.Parallel()
	b, n := onPublicTerms(t)
	d := b.with(t, nil)
	id, err := d.Deploy(testContext(t), b.newTenant(t), nil)
	require.NoError(t, err)
	require.NoError(t, n.Advance(t.Context(), 61*day))

	poor := b.with(t, func(c *stellar.Config) { c.Limits.Keeper = submit.Stroops })
	kept, err := poor.Keep(testContext(t), []tenant.EntryLife{{Entry: id}}, nil)
	s := stepError(t, err)
	require.Equal(t, tenant.ClassCapacity, s.Class)
	require.Contains(t, s.Reason, "(EXTEND_ENTRIES) and SOROBAN_KEEPER_MAX_FEE=10000000 allows 1.00 XLM")
	require.Equal(t, 1, kept.Extended, "the contract, which is not too dear")
	require.NotZero(t, kept.Lives[0].Until, "what was seen is told all the same")

	thrifty := b.with(t, func(c *stellar.Config) { c.Limits.Month = 100 })
	_, err = thrifty.Keep(testContext(t), []tenant.EntryLife{{Entry: id}}, nil)
	require.Contains(t, stepError(t, err).Reason, "SOROBAN_KEEPER_MONTH=100 allows")

	reserved := b.with(t, func(c *stellar.Config) { c.Limits.Keeper = 1_000_000 * submit.Stroops })
	f := b.newTenant(t)
	_, err = reserved.Deploy(testContext(t), f, nil)
	s = stepError(t, err)
	require.Equal(t, tenant.ClassCapacity, s.Class)
	require.Contains(t, s.Reason, "SOROBAN_KEEPER_MAX_FEE keeps 1000000.00 of them for the life of code and contracts")
	require.Contains(t, s.Reason, "at least 1000007: SOROBAN_KEEPER_MAX_FEE")
	require.Empty(t, b.transactions(t, f))
	funds, err := reserved.Facts().Funds(testContext(t))
	require.NoError(t, err)
	require.Negative(t, funds.Accounts[0].Usable, "as doctor judges it")
	_, err = reserved.Keep(testContext(t), []tenant.EntryLife{{Entry: id}}, nil)
	require.NoError(t, err)
}

// TestManyContractsAreKeptInBatches, smaller ones where they are too dear.
func TestManyContractsAreKeptInBatches(t *testing.T) {
	t.Parallel()
	b, n := onPublicTerms(t)
	d := b.with(t, nil)
	var contracts []tenant.EntryLife
	for range 5 {
		id, err := d.Deploy(testContext(t), b.newTenant(t), nil)
		require.NoError(t, err)
		contracts = append(contracts, tenant.EntryLife{Entry: id})
	}
	_, err := d.Keep(testContext(t), nil, nil)
	require.NoError(t, err)
	require.NoError(t, n.Advance(t.Context(), 70*day))
	_, err = d.Keep(testContext(t), nil, nil)
	require.NoError(t, err)
	one := b.with(t, func(c *stellar.Config) { c.Limits.Keeper = 5_000_000 }) // two at a time
	kept, err := one.Keep(testContext(t), contracts, nil)
	require.NoError(t, err)
	require.Equal(t, 5, kept.Extended)
	for _, l := range kept.Lives[1:] {
		require.Greater(t, l.Left, 100*24*time.Hour, "%+v", l)
	}
	again, err := one.Keep(testContext(t), contracts, nil)
	require.NoError(t, err)
	require.Zero(t, again.Extended, "it may be repeated")
}

// TestTheCodeOfEarlierContractsIsKept as long as one of them lives.
func TestTheCodeOfEarlierContractsIsKept(t *testing.T) {
	t.Parallel()
	b, n := onPublicTerms(t)
	wasm, err := os.ReadFile("../../contracts/tenant/testdata/2.wasm")
	require.NoError(t, err)
	earlier := b.with(t, func(c *stellar.Config) { c.Wasm = wasm })
	f := b.newTenant(t)
	id, err := earlier.Deploy(testContext(t), f, nil)
	require.NoError(t, err)
	d := b.with(t, nil)
	require.NoError(t, n.Advance(t.Context(), 70*day))
	kept, err := d.Keep(testContext(t), []tenant.EntryLife{{Entry: id}}, nil)
	require.NoError(t, err)
	require.Len(t, kept.Lives, 3, "two codes")
	require.Equal(t, 3, kept.Extended)

	require.NoError(t, n.Advance(t.Context(), 180*day))
	require.NoError(t, d.SetStatus(testContext(t), f, id, tenant.ContractSuspended, nil), "its own code is restored")
	require.Less(t, b.paidFor(t, submit.PurposeSetStatus), 1.0)
	kept, err = d.Keep(testContext(t), []tenant.EntryLife{{Entry: id}}, nil)
	require.NoError(t, err)
	require.Equal(t, 1, kept.Restored, "the present code")
}

// TestTheUploadLeavesTheKeepersPurse, which is looked at with what the transaction costs.
func TestTheUploadLeavesTheKeepersPurse(t *testing.T) {
	t.Parallel()
	b := setupOn(t, devnet.Config{MinPersistentTTL: publicLife, MaxTTL: 180 * day})
	fund(t, b.url, b.admin.Address()) // 10,000 XLM
	d := b.with(t, func(c *stellar.Config) { c.Limits.Keeper = 9_980 * submit.Stroops })
	s := stepError(t, d.Setup(testContext(t), nil))
	require.Equal(t, tenant.ClassCapacity, s.Class)
	require.Contains(t, s.Reason, "and this transaction may cost")
	require.Contains(t, s.Reason, "at least 100")
	require.NoError(t, b.with(t, func(c *stellar.Config) { c.Limits.Keeper = 9_900 * submit.Stroops }).Setup(testContext(t), nil))
}

// TestWhatCannotBeKeptLetsNothingElseLapse: neither a contract that is too dear, nor one
// that cannot be restored.
func TestWhatCannotBeKeptLetsNothingElseLapse(t *testing.T) {
	t.Parallel()
	const dear = 2_000_000 // of a hundred days' rent of a contract, and not of sixty
	for name, c := range map[string]struct {
		// before and after the second contract is made, and then once more
		before, after uint32
		change        func(b *bench, c *stellar.Config)
		says          string
	}{
		"too dear": {
			before: 40 * day, after: 30 * day,
			change: func(_ *bench, c *stellar.Config) { c.Limits.Keeper = dear },
			says:   "SOROBAN_KEEPER_MAX_FEE=2000000",
		},
		"not restored": {
			before: 70 * day, after: 30 * day,
			change: func(b *bench, c *stellar.Config) { c.RPCURL = newProxy(t, b.url, refuseRestoration).url },
			says:   "the network refuses the call",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, n := onPublicTerms(t)
			d := b.with(t, nil)
			var contracts []tenant.EntryLife
			for _, wait := range []uint32{c.before, c.after} {
				id, err := d.Deploy(testContext(t), b.newTenant(t), nil)
				require.NoError(t, err)
				contracts = append(contracts, tenant.EntryLife{Entry: id})
				require.NoError(t, n.Advance(t.Context(), wait))
			}
			_, err := d.Keep(testContext(t), nil, nil)
			require.NoError(t, err, "the code")
			require.NoError(t, n.Advance(t.Context(), 32*day))
			kept, err := b.with(t, func(config *stellar.Config) { c.change(b, config) }).Keep(testContext(t), contracts, nil)
			require.Contains(t, stepError(t, err).Reason, c.says)
			require.Equal(t, 1, kept.Extended)
			require.Greater(t, kept.Lives[2].Left, 100*24*time.Hour, "the second, %+v", kept.Lives)
		})
	}
}

// refuseRestoration is a host that does not restore.
func refuseRestoration(x *exchange) {
	var e xdr.TransactionEnvelope
	if x.method == protocol.SimulateTransactionMethodName && xdr.SafeUnmarshalBase64(x.envelope(), &e) == nil &&
		e.Operations()[0].Body.Type == xdr.OperationTypeRestoreFootprint {
		x.edit(func(result map[string]any) { result["error"] = "HostError: Error(Storage, InternalError)" })
		return
	}
	x.pass()
}

// TestWithoutContractsTheCodeIsKept: servers refuse a question about no entry.
func TestWithoutContractsTheCodeIsKept(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d := b.through(t, newProxy(t, b.url, func(x *exchange) {
		if x.method == protocol.GetLedgerEntriesMethodName && string(x.params["keys"]) == "[]" {
			x.status(http.StatusBadRequest)
			return
		}
		x.pass()
	}))
	kept, err := d.Keep(testContext(t), nil, nil)
	require.NoError(t, err)
	require.Len(t, kept.Lives, 1)
	_, err = d.Facts().Instances(testContext(t), nil)
	require.NoError(t, err)
}
