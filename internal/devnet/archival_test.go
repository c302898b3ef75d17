package devnet_test

import (
	"crypto/sha256"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/devnet"
)

// archived deploys a contract and lets it and its code be archived.
func archived(t *testing.T) (*testBundle, *keypair.Full, xdr.ContractId) {
	t.Helper()
	b := setup(t)
	admin := b.account()
	b.upload(admin)
	id := b.deploy(admin, "clinic")
	b.untilArchived(id)
	return b, admin, id
}

func (b *testBundle) untilArchived(id xdr.ContractId) {
	b.Helper()
	live := max(b.liveUntil(instanceKey(id))[0], b.liveUntil(codeKey())[0])
	require.NoError(b, b.net.Advance(b.Context(), uint32(live)-b.latest().Sequence+1))
	require.Equal(b, []int{0, 0}, b.liveUntil(instanceKey(id), codeKey()), "archived, not absent")
}

func TestArchivedEntriesAreRestoredByTheTransactionThatNeedsThem(t *testing.T) {
	t.Parallel()
	b, admin, id := archived(t)
	op := b.prepare(admin, call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Suspended)))
	require.NotNil(t, op.Ext.SorobanData.Ext.ResourceExt)
	require.Len(t, op.Ext.SorobanData.Ext.ResourceExt.ArchivedSorobanEntries, 2, "the simulation lists them")

	// Without the list the network refuses.
	without := *op
	data := *op.Ext.SorobanData
	data.Ext = xdr.SorobanTransactionDataExt{}
	without.Ext = xdr.TransactionExt{V: 1, SorobanData: &data}
	a := b.apply(b.tx(admin, &without))
	require.Equal(t, protocol.TransactionStatusFailed, a.Status)
	require.Equal(t, xdr.InvokeHostFunctionResultCodeInvokeHostFunctionEntryArchived, a.code(t))
	require.Equal(t, []int{0, 0}, b.liveUntil(instanceKey(id), codeKey()))

	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(b.tx(admin, op)).Status)
	require.Equal(t, statusVal(tenantcontract.Suspended), b.read(admin, id, tenantcontract.GetStatus))
	live := b.liveUntil(instanceKey(id), codeKey())
	require.Greater(t, live[0], int(b.latest().Sequence)+80*ledgersOfADay, "the contract renews itself for three months")
	require.Positive(t, live[1], "the code is restored")
	require.Less(t, live[1], live[0], "and not renewed")
}

// A network that has been up for long has archived the code, too.
func TestDeploymentRestoresArchivedCode(t *testing.T) {
	t.Parallel()
	b, admin, _ := archived(t)
	a := b.invoke(admin, deployment(admin, admin, "practice"))
	require.Equal(t, protocol.TransactionStatusSuccess, a.Status)
	require.Positive(t, b.liveUntil(codeKey())[0])
	require.Equal(t, statusVal(tenantcontract.Active), b.read(admin, b.contractID(admin, "practice"), tenantcontract.GetStatus))
}

// The meta of a transaction has the TTL of what it touches as entries of their own.
func TestMetaShowsTTLChanges(t *testing.T) {
	t.Parallel()
	b := setupWith(t, devnet.Config{MinPersistentTTL: devnet.PublicMinPersistentTTL})
	admin := b.account()
	b.upload(admin)
	created := b.invoke(admin, deployment(admin, admin, "clinic"))
	id := b.contractID(admin, "clinic")
	require.Equal(t, []xdr.LedgerEntryChangeType{xdr.LedgerEntryChangeTypeLedgerEntryCreated}, ttlChanges(t, created, instanceKey(id)))
	young := b.invoke(admin, call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Suspended)))
	require.Empty(t, ttlChanges(t, young, instanceKey(id)), "it lives long enough")

	require.NoError(t, b.net.Advance(t.Context(), 91*ledgersOfADay))
	renewed := b.invoke(admin, call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Active)))
	both := []xdr.LedgerEntryChangeType{xdr.LedgerEntryChangeTypeLedgerEntryState, xdr.LedgerEntryChangeTypeLedgerEntryUpdated}
	require.Equal(t, both, ttlChanges(t, renewed, instanceKey(id)))
	require.Empty(t, ttlChanges(t, renewed, codeKey()), "the code is everybody's")
}

// ledgersOfADay are those of the public network.
const ledgersOfADay = 17_280

func ttlChanges(t *testing.T, a applied, key xdr.LedgerKey) []xdr.LedgerEntryChangeType {
	t.Helper()
	raw, err := key.MarshalBinary()
	require.NoError(t, err)
	var types []xdr.LedgerEntryChangeType
	for _, c := range a.meta.Operations[0].Changes {
		e, ok := c.GetUpdated()
		if c.Type == xdr.LedgerEntryChangeTypeLedgerEntryCreated {
			e, ok = c.GetCreated()
		} else if c.Type == xdr.LedgerEntryChangeTypeLedgerEntryState {
			e, ok = c.GetState()
		}
		if ok && e.Data.Type == xdr.LedgerEntryTypeTtl && e.Data.Ttl.KeyHash == sha256.Sum256(raw) {
			types = append(types, c.Type)
		}
	}
	return types
}

// Two transactions of one ledger restore the same entries: the second finds them
// live, and pays no rent for them.
func TestTwoTransactionsRestoreTheSameEntries(t *testing.T) {
	t.Parallel()
	b, admin, id := archived(t)
	other := b.account()
	read := b.prepare(other, call(id, tenantcontract.GetStatus))
	write := b.prepare(admin, call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Terminated)))
	first, second := b.send(b.tx(other, read)), b.send(b.tx(admin, write))
	b.close()
	rents := map[bool]int{}
	for _, hash := range []string{first.Hash, second.Hash} {
		a := b.applied(hash)
		require.Equal(t, protocol.TransactionStatusSuccess, a.Status)
		rents[a.meta.SorobanMeta.Ext.V1.RentFeeCharged > 0]++
	}
	require.Equal(t, map[bool]int{true: 1, false: 1}, rents)
}

func TestRestoreFootprint(t *testing.T) {
	t.Parallel()
	b, _, id := archived(t)
	anyone := b.account()
	op := &txnbuild.RestoreFootprint{SourceAccount: anyone.Address(), Ext: xdr.TransactionExt{V: 1, SorobanData: &xdr.SorobanTransactionData{
		Resources: xdr.SorobanResources{Footprint: xdr.LedgerFootprint{ReadWrite: []xdr.LedgerKey{instanceKey(id), codeKey()}}},
	}}}
	s := b.simulate(anyone.Address(), op, "")
	require.Empty(t, s.Error)
	op.Ext = sorobanData(t, s.TransactionDataXDR)
	balance := b.balance(anyone.Address())
	a := b.apply(b.tx(anyone, op))
	require.Equal(t, protocol.TransactionStatusSuccess, a.Status)
	until := int(a.Ledger) + 120_960 - 1
	require.Equal(t, []int{until, until}, b.liveUntil(instanceKey(id), codeKey()))
	require.Equal(t, balance-int64(a.result.FeeCharged), b.balance(anyone.Address()))
	require.Equal(t, xdr.Int64(100), a.result.FeeCharged-totalResourceFee(a), "inclusion")
	require.Positive(t, a.meta.SorobanMeta.Ext.V1.RentFeeCharged)
	require.Equal(t, statusVal(tenantcontract.Active), b.read(anyone, id, tenantcontract.GetStatus))
}

// Whoever extends what is archived is told the restoration that has to go first,
// and what both cost.
func TestExtendOfArchivedEntriesAsksForRestoration(t *testing.T) {
	t.Parallel()
	b, admin, id := archived(t)
	keys := []xdr.LedgerKey{instanceKey(id), codeKey()}
	extend := &txnbuild.ExtendFootprintTtl{ExtendTo: 3_000_000, SourceAccount: admin.Address(), Ext: xdr.TransactionExt{V: 1, SorobanData: &xdr.SorobanTransactionData{
		Resources: xdr.SorobanResources{Footprint: xdr.LedgerFootprint{ReadOnly: keys}},
	}}}
	s := b.simulate(admin.Address(), extend, "")
	require.Empty(t, s.Error)
	require.NotNil(t, s.RestorePreamble)
	restore := &txnbuild.RestoreFootprint{SourceAccount: admin.Address(), Ext: sorobanData(t, s.RestorePreamble.TransactionDataXDR)}
	require.Equal(t, s.RestorePreamble.MinResourceFee, int64(restore.Ext.SorobanData.ResourceFee))
	require.ElementsMatch(t, keys, restore.Ext.SorobanData.Resources.Footprint.ReadWrite)
	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(b.tx(admin, restore)).Status)
	extend.Ext = sorobanData(t, s.TransactionDataXDR)
	a := b.apply(b.tx(admin, extend))
	require.Equal(t, protocol.TransactionStatusSuccess, a.Status)
	until := int(a.Ledger) + 3_000_000
	require.Equal(t, []int{until, until}, b.liveUntil(keys...))
	require.Nil(t, b.simulate(admin.Address(), extend, "").RestorePreamble, "they live")

	extend.Ext = xdr.TransactionExt{}
	require.Contains(t, b.simulate(admin.Address(), extend, "").Error, "SorobanTransactionData must be provided")
}

func TestExtendFootprintTTL(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	b.upload(admin)
	id := b.deploy(admin, "clinic")
	before := b.liveUntil(instanceKey(id))[0]
	extend := func(to uint32) (*txnbuild.ExtendFootprintTtl, string) {
		op := &txnbuild.ExtendFootprintTtl{ExtendTo: to, SourceAccount: admin.Address(), Ext: xdr.TransactionExt{V: 1, SorobanData: &xdr.SorobanTransactionData{
			Resources: xdr.SorobanResources{Footprint: xdr.LedgerFootprint{ReadOnly: []xdr.LedgerKey{instanceKey(id)}}},
		}}}
		s := b.simulate(admin.Address(), op, "")
		if s.Error == "" {
			op.Ext = sorobanData(t, s.TransactionDataXDR)
		}
		return op, s.Error
	}
	op, fault := extend(2_200_000)
	require.Empty(t, fault)
	a := b.apply(b.tx(admin, op))
	require.Equal(t, protocol.TransactionStatusSuccess, a.Status)
	require.Equal(t, int(a.Ledger)+2_200_000, b.liveUntil(instanceKey(id))[0])
	require.Greater(t, int(a.Ledger)+2_200_000, before)

	op.ExtendTo = 3_110_400
	sent := b.send(b.tx(admin, op))
	require.Equal(t, "TTL extension is too large [3110400 3110399]", diagnostic(t, sent))
	refused := errorResult(t, sent)
	require.Equal(t, xdr.ExtendFootprintTtlResultCodeExtendFootprintTtlMalformed,
		(*refused.Result.Results)[0].MustTr().MustExtendFootprintTtlResult().Code, "above the network's maximum")
}

// The nonce of a signed authorisation is a temporary entry: it goes when the
// signature can no longer be used.
func TestExpiredTemporaryEntriesAreDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	nonce, until := usedNonce(b)
	live := b.liveUntil(nonce)[0]
	require.GreaterOrEqual(t, live, int(until))
	for int(b.latest().Sequence) < live {
		b.close()
	}
	require.Equal(t, []int{live}, b.liveUntil(nonce))
	b.close()
	require.Equal(t, []int{-1}, b.liveUntil(nonce))
	var meta xdr.LedgerCloseMeta
	require.NoError(t, xdr.SafeUnmarshalBase64(b.latest().LedgerMetadata, &meta))
	require.Equal(t, []xdr.LedgerKey{nonce}, meta.MustV2().EvictedKeys)
}

// usedNonce has somebody act by a signed authorisation, which is valid until the
// ledger that it returns.
func usedNonce(b *testBundle) (nonce xdr.LedgerKey, until uint32) {
	b.Helper()
	accounts := b.accounts(2)
	admin, other := accounts[0], accounts[1]
	b.upload(admin)
	id := b.deploy(admin, "clinic")
	op := b.prepare(other, call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Suspended)))
	until = b.latest().Sequence + 5
	authorizeUntil(b.T, admin, b.pass, &op.Auth[0], until)
	require.Equal(b, protocol.TransactionStatusSuccess, b.apply(b.tx(other, op)).Status)
	return xdr.LedgerKey{Type: xdr.LedgerEntryTypeContractData, ContractData: &xdr.LedgerKeyContractData{
		Contract: addressOf(admin), Durability: xdr.ContractDataDurabilityTemporary,
		Key: xdr.ScVal{Type: xdr.ScValTypeScvLedgerKeyNonce, NonceKey: &xdr.ScNonceKey{Nonce: op.Auth[0].Credentials.Address.Nonce}},
	}}, until
}

func totalResourceFee(a applied) xdr.Int64 {
	f := a.meta.SorobanMeta.Ext.V1
	return f.TotalNonRefundableResourceFeeCharged + f.TotalRefundableResourceFeeCharged
}
