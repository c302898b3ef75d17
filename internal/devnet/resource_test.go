package devnet_test

import (
	"fmt"
	"testing"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
)

func TestResourceFeesAreChargedAndRefunded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	b.upload(admin)
	op := b.prepare(admin, deployment(admin, admin, "clinic"))
	declared := int64(op.Ext.SorobanData.ResourceFee)
	balance := b.balance(admin.Address())
	a := b.apply(b.tx(admin, op))
	require.Equal(t, protocol.TransactionStatusSuccess, a.Status)
	charged := int64(a.result.FeeCharged)
	require.Equal(t, balance-charged, b.balance(admin.Address()))
	require.Equal(t, charged, 100+int64(totalResourceFee(a)))
	require.Less(t, charged, 100+declared, "what was not used goes back")
	require.Greater(t, charged, 100+declared*3/4, "the simulation is not far off")

	// A transaction that fails pays no rent, and gets all that is refundable back.
	again := b.apply(b.tx(admin, op))
	require.Equal(t, protocol.TransactionStatusFailed, again.Status)
	require.Zero(t, again.meta.SorobanMeta.Ext.V1.TotalRefundableResourceFeeCharged)
	require.Equal(t, a.meta.SorobanMeta.Ext.V1.TotalNonRefundableResourceFeeCharged, again.meta.SorobanMeta.Ext.V1.TotalNonRefundableResourceFeeCharged)
}

func TestDeclaredResourcesAreLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	b.upload(admin)
	id := b.deploy(admin, "clinic")
	good := b.prepare(admin, call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Suspended)))
	with := func(change func(*xdr.SorobanTransactionData)) txnbuild.Operation {
		data, op := *good.Ext.SorobanData, *good
		change(&data)
		op.Ext = xdr.TransactionExt{V: 1, SorobanData: &data}
		return &op
	}
	limit := xdr.InvokeHostFunctionResultCodeInvokeHostFunctionResourceLimitExceeded
	for name, c := range map[string]struct {
		change func(*xdr.SorobanTransactionData)
		code   xdr.InvokeHostFunctionResultCode
	}{
		"instructions": {func(d *xdr.SorobanTransactionData) { d.Resources.Instructions = 10_000 }, limit},
		"writes":       {func(d *xdr.SorobanTransactionData) { d.Resources.WriteBytes = 10 }, limit},
		"footprint":    {func(d *xdr.SorobanTransactionData) { d.Resources.Footprint.ReadWrite = nil }, xdr.InvokeHostFunctionResultCodeInvokeHostFunctionTrapped},
		"refundable": {func(d *xdr.SorobanTransactionData) {
			d.ResourceFee = d.ResourceFee * 2 / 5 // enough to be admitted, not for rent
		}, xdr.InvokeHostFunctionResultCodeInvokeHostFunctionInsufficientRefundableFee},
	} {
		a := b.apply(b.tx(admin, with(c.change)))
		require.Equal(t, protocol.TransactionStatusFailed, a.Status, name)
		require.Equal(t, c.code, a.code(t), name)
	}
	for want, change := range map[string]func(*xdr.SorobanTransactionData){
		"transaction instructions resources exceed network config limit [400000001 400000000]": func(d *xdr.SorobanTransactionData) { d.Resources.Instructions = 400_000_001 },
		"transaction byte-read resources exceed network config limit [200001 200000]":          func(d *xdr.SorobanTransactionData) { d.Resources.DiskReadBytes = 200_001 },
		"transaction byte-write resources exceed network config limit [132097 132096]":         func(d *xdr.SorobanTransactionData) { d.Resources.WriteBytes = 132_097 },
		"transaction `sorobanData.resourceFee` is lower than the actual Soroban resource fee":  func(d *xdr.SorobanTransactionData) { d.ResourceFee = 1000 },
		"Found duplicate key in the Soroban footprint": func(d *xdr.SorobanTransactionData) {
			d.Resources.Footprint.ReadOnly = append([]xdr.LedgerKey{codeKey()}, d.Resources.Footprint.ReadOnly...)
		},
		"transaction footprint contains unsupported ledger key type [8]": func(d *xdr.SorobanTransactionData) {
			d.Resources.Footprint.ReadOnly = []xdr.LedgerKey{{Type: xdr.LedgerEntryTypeConfigSetting, ConfigSetting: &xdr.LedgerKeyConfigSetting{}}}
		},
		"archivedSorobanEntries index is out of bounds [9 1]": func(d *xdr.SorobanTransactionData) {
			d.Ext = xdr.SorobanTransactionDataExt{V: 1, ResourceExt: &xdr.SorobanResourcesExtV0{ArchivedSorobanEntries: []xdr.Uint32{9}}}
		},
	} {
		refused := b.send(b.tx(admin, with(change)))
		require.Equal(t, xdr.TransactionResultCodeTxSorobanInvalid, errorResult(t, refused).Result.Code, want)
		require.Contains(t, diagnostic(t, refused), want)
	}
	require.Empty(t, b.send(b.sign(b.params(admin, good))).DiagnosticEventsXDR, "a signature is missing: its code says it all")
	require.Equal(t, statusVal(tenantcontract.Active), b.read(admin, id, tenantcontract.GetStatus))
}

// More instructions than were measured can be asked for, and are paid for.
func TestInstructionLeeway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	b.upload(admin)
	op := operation(admin, deployment(admin, admin, "clinic"))
	simulate := func(leeway uint64) (protocol.SimulateTransactionResponse, int64) {
		tx, err := b.sign(b.params(admin, op)).Base64()
		require.NoError(t, err)
		s, err := b.rpc.SimulateTransaction(t.Context(), protocol.SimulateTransactionRequest{
			Transaction: tx, ResourceConfig: &protocol.ResourceConfig{InstructionLeeway: leeway},
		})
		require.NoError(t, err)
		if s.Error != "" {
			return s, 0
		}
		return s, int64(sorobanData(t, s.TransactionDataXDR).SorobanData.Resources.Instructions)
	}
	usual, few := simulate(0)
	least, same := simulate(50_000)
	require.Equal(t, few, same, "what is added anyway")
	require.Equal(t, usual.MinResourceFee, least.MinResourceFee)
	generous, many := simulate(100_050_000)
	require.Equal(t, few+100_000_000, many)
	require.GreaterOrEqual(t, generous.MinResourceFee-usual.MinResourceFee, int64(70_000), "7 stroops for 10,000 instructions")
	tooMany, _ := simulate(1 << 32)
	require.Contains(t, tooMany.Error, "too large")

	op.Ext = sorobanData(t, generous.TransactionDataXDR)
	for _, a := range *generous.Results[0].AuthXDR {
		var e xdr.SorobanAuthorizationEntry
		require.NoError(t, xdr.SafeUnmarshalBase64(a, &e))
		op.Auth = append(op.Auth, e)
	}
	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(b.tx(admin, op)).Status)
}

// diagnostic is the text and the numbers of the only event beside a refusal.
func diagnostic(t *testing.T, r protocol.SendTransactionResponse) string {
	t.Helper()
	require.Len(t, r.DiagnosticEventsXDR, 1)
	var e xdr.DiagnosticEvent
	require.NoError(t, xdr.SafeUnmarshalBase64(r.DiagnosticEventsXDR[0], &e))
	body := e.Event.Body.MustV0()
	require.Equal(t, xdr.ScSymbol("error"), body.Topics[0].MustSym())
	require.Equal(t, xdr.ScValTypeScvError, body.Topics[1].Type)
	if text, ok := body.Data.GetStr(); ok {
		return string(text)
	}
	values := **body.Data.Vec
	var numbers []xdr.Uint64
	for _, v := range values[1:] {
		numbers = append(numbers, v.MustU64())
	}
	return fmt.Sprint(values[0].MustStr(), " ", numbers)
}

func TestMalformedSorobanTransactions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	op := b.prepare(admin, uploadFunction())
	p := b.params(admin, op)
	p.Memo = txnbuild.MemoText("hello")
	require.Equal(t, xdr.TransactionResultCodeTxMalformed, b.refusal(b.sign(p, admin)).Result.Code, "a memo")

	env := b.tx(admin, op).ToXDR()
	env.V1.Tx.Operations = append(env.V1.Tx.Operations, env.V1.Tx.Operations[0])
	require.Equal(t, xdr.TransactionResultCodeTxMalformed, b.refusal(b.resign(env, admin)).Result.Code, "two operations")
	env = b.tx(admin, op).ToXDR()
	env.V1.Tx.Ext = xdr.TransactionExt{}
	require.Equal(t, xdr.TransactionResultCodeTxMalformed, b.refusal(b.resign(env, admin)).Result.Code, "no resources")
	env = b.tx(admin, create("10")).ToXDR()
	env.V1.Tx.Operations = nil
	require.Equal(t, xdr.TransactionResultCodeTxMissingOperation, b.refusal(b.resign(env, admin)).Result.Code)
}

// A contract that never ends is stopped by the instruction limit, and the
// network goes on.
func TestEndlessContractIsStopped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	loop := endlessContract()
	require.Equal(t, protocol.TransactionStatusSuccess, b.invoke(admin, xdr.HostFunction{Type: xdr.HostFunctionTypeHostFunctionTypeUploadContractWasm, Wasm: &loop}).Status)
	require.Equal(t, protocol.TransactionStatusSuccess, b.invoke(admin, deploymentOf(admin, loop)).Status)
	s := b.simulate(admin.Address(), operation(admin, call(b.contractID(admin, "loop"), "run")), "")
	require.Contains(t, s.Error, "Error(Budget, ExceededLimit)")
	b.account()
}
