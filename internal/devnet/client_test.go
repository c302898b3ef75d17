package devnet_test

import (
	"crypto/sha256"
	"net/http"
	"testing"
	"time"

	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/network"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/strkey"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/devnet/devnettest"
)

// testBundle is a network whose ledgers close when the test says so, seen
// through the official Go client.
type testBundle struct {
	*testing.T
	net  *devnet.Network
	url  string
	rpc  *rpcclient.Client
	root *keypair.Full
	pass string
}

func setup(t *testing.T) *testBundle { return setupWith(t, devnet.Config{}) }

func setupWith(t *testing.T, c devnet.Config) *testBundle {
	t.Helper()
	if c.Passphrase == "" {
		c.Passphrase = devnet.Passphrase
	}
	n, url := devnettest.Serve(t, c)
	return &testBundle{
		T: t, net: n, url: url, pass: c.Passphrase,
		rpc:  rpcclient.NewClient(url, &http.Client{Timeout: 3 * time.Minute}),
		root: keypair.Master(c.Passphrase).(*keypair.Full),
	}
}

func (b *testBundle) close() {
	b.Helper()
	require.NoError(b, b.net.CloseLedger(b.Context()))
}

func (b *testBundle) sequence(address string) int64 {
	b.Helper()
	a, err := b.rpc.LoadAccount(b.Context(), address)
	require.NoError(b, err)
	seq, err := a.GetSequenceNumber()
	require.NoError(b, err)
	return seq
}

// params are those of an ordinary transaction; tests change what they are about.
func (b *testBundle) params(source *keypair.Full, ops ...txnbuild.Operation) txnbuild.TransactionParams {
	b.Helper()
	return txnbuild.TransactionParams{
		SourceAccount:        &txnbuild.SimpleAccount{AccountID: source.Address(), Sequence: b.sequence(source.Address())},
		IncrementSequenceNum: true, BaseFee: 100, Operations: ops,
		Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewTimeout(300)},
	}
}

func (b *testBundle) sign(p txnbuild.TransactionParams, keys ...*keypair.Full) *txnbuild.Transaction {
	b.Helper()
	source := *p.SourceAccount.(*txnbuild.SimpleAccount) // txnbuild counts it up
	p.SourceAccount = &source
	tx, err := txnbuild.NewTransaction(p)
	require.NoError(b, err)
	tx, err = tx.Sign(b.pass, keys...)
	require.NoError(b, err)
	return tx
}

func (b *testBundle) tx(source *keypair.Full, ops ...txnbuild.Operation) *txnbuild.Transaction {
	b.Helper()
	return b.sign(b.params(source, ops...), source)
}

type base64er interface{ Base64() (string, error) }

func (b *testBundle) send(tx base64er) protocol.SendTransactionResponse {
	b.Helper()
	s, err := tx.Base64()
	require.NoError(b, err)
	r, err := b.rpc.SendTransaction(b.Context(), protocol.SendTransactionRequest{Transaction: s})
	require.NoError(b, err)
	return r
}

// refusal sends a transaction that must be refused and returns the code.
func (b *testBundle) refusal(tx base64er) xdr.TransactionResult {
	b.Helper()
	return errorResult(b, b.send(tx))
}

func errorResult(t require.TestingT, r protocol.SendTransactionResponse) xdr.TransactionResult {
	require.Equal(t, "ERROR", r.Status)
	var result xdr.TransactionResult
	require.NoError(t, xdr.SafeUnmarshalBase64(r.ErrorResultXDR, &result))
	return result
}

func (b *testBundle) get(hash string) protocol.GetTransactionResponse {
	b.Helper()
	r, err := b.rpc.GetTransaction(b.Context(), protocol.GetTransactionRequest{Hash: hash})
	require.NoError(b, err)
	return r
}

// apply sends, closes a ledger, and returns what became of the transaction.
func (b *testBundle) apply(tx base64er) applied {
	b.Helper()
	r := b.send(tx)
	require.Equal(b, "PENDING", r.Status, "error result %s", r.ErrorResultXDR)
	b.close()
	return b.applied(r.Hash)
}

// applied is a transaction in a ledger, decoded.
type applied struct {
	protocol.GetTransactionResponse
	result xdr.TransactionResult
	meta   xdr.TransactionMetaV4
}

func (b *testBundle) applied(hash string) applied {
	b.Helper()
	a := applied{GetTransactionResponse: b.get(hash)}
	require.NotEqual(b, protocol.TransactionStatusNotFound, a.Status)
	require.NoError(b, xdr.SafeUnmarshalBase64(a.ResultXDR, &a.result))
	var meta xdr.TransactionMeta
	require.NoError(b, xdr.SafeUnmarshalBase64(a.ResultMetaXDR, &meta))
	a.meta = meta.MustV4()
	return a
}

// value is what the contract returned.
func (a applied) value() xdr.ScVal { return *a.meta.SorobanMeta.ReturnValue }

// account makes a funded account.
func (b *testBundle) account() *keypair.Full {
	b.Helper()
	return b.accounts(1)[0]
}

func (b *testBundle) accounts(n int) []*keypair.Full {
	b.Helper()
	var keys []*keypair.Full
	var ops []txnbuild.Operation
	for range n {
		k := keypair.MustRandom()
		keys = append(keys, k)
		ops = append(ops, &txnbuild.CreateAccount{Destination: k.Address(), Amount: "10000"})
	}
	require.Equal(b, protocol.TransactionStatusSuccess, b.apply(b.tx(b.root, ops...)).Status)
	return keys
}

// balance is in stroops.
func (b *testBundle) balance(address string) int64 {
	b.Helper()
	id := xdr.MustAddress(address)
	key, err := id.LedgerKey()
	require.NoError(b, err)
	var data xdr.LedgerEntryData
	require.NoError(b, xdr.SafeUnmarshalBase64(b.entries(key)[0].DataXDR, &data))
	return int64(data.MustAccount().Balance)
}

func (b *testBundle) entries(keys ...xdr.LedgerKey) []protocol.LedgerEntryResult {
	b.Helper()
	var q protocol.GetLedgerEntriesRequest
	for _, k := range keys {
		s, err := xdr.MarshalBase64(k)
		require.NoError(b, err)
		q.Keys = append(q.Keys, s)
	}
	r, err := b.rpc.GetLedgerEntries(b.Context(), q)
	require.NoError(b, err)
	return r.Entries
}

func (b *testBundle) simulate(source string, op txnbuild.Operation, mode string) protocol.SimulateTransactionResponse {
	b.Helper()
	tx, err := txnbuild.NewTransaction(txnbuild.TransactionParams{
		SourceAccount:        &txnbuild.SimpleAccount{AccountID: source, Sequence: b.sequence(source)},
		IncrementSequenceNum: true, BaseFee: 100, Operations: []txnbuild.Operation{op},
		Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewTimeout(300)},
	})
	require.NoError(b, err)
	s, err := tx.Base64()
	require.NoError(b, err)
	r, err := b.rpc.SimulateTransaction(b.Context(), protocol.SimulateTransactionRequest{Transaction: s, AuthMode: mode})
	require.NoError(b, err)
	return r
}

// prepare simulates a host function and returns the operation, ready to be sent.
func (b *testBundle) prepare(source *keypair.Full, fn xdr.HostFunction) *txnbuild.InvokeHostFunction {
	b.Helper()
	op := operation(source, fn)
	s := b.simulate(source.Address(), op, "")
	require.Empty(b, s.Error)
	op.Ext = sorobanData(b, s.TransactionDataXDR)
	for _, a := range *s.Results[0].AuthXDR {
		var e xdr.SorobanAuthorizationEntry
		require.NoError(b, xdr.SafeUnmarshalBase64(a, &e))
		op.Auth = append(op.Auth, e)
	}
	return op
}

// operation is a host function, not yet simulated.
func operation(source *keypair.Full, fn xdr.HostFunction) *txnbuild.InvokeHostFunction {
	return &txnbuild.InvokeHostFunction{HostFunction: fn, SourceAccount: source.Address()}
}

func sorobanData(t require.TestingT, s string) xdr.TransactionExt {
	var data xdr.SorobanTransactionData
	require.NoError(t, xdr.SafeUnmarshalBase64(s, &data))
	return xdr.TransactionExt{V: 1, SorobanData: &data}
}

// invoke prepares, sends and closes.
func (b *testBundle) invoke(source *keypair.Full, fn xdr.HostFunction) applied {
	b.Helper()
	return b.apply(b.tx(source, b.prepare(source, fn)))
}

func (b *testBundle) upload(source *keypair.Full) {
	b.Helper()
	a := b.invoke(source, uploadFunction())
	require.Equal(b, protocol.TransactionStatusSuccess, a.Status)
}

func uploadFunction() xdr.HostFunction { return uploadOf(tenantcontract.Wasm) }

func uploadOf(wasm []byte) xdr.HostFunction {
	return xdr.HostFunction{Type: xdr.HostFunctionTypeHostFunctionTypeUploadContractWasm, Wasm: &wasm}
}

// deployment of the tenant contract by an account, under a salt.
func deployment(deployer, admin *keypair.Full, salt string) xdr.HostFunction {
	hash := xdr.Hash(tenantcontract.Hash())
	commitment := sha256.Sum256([]byte("commitment of " + salt))
	return xdr.HostFunction{Type: xdr.HostFunctionTypeHostFunctionTypeCreateContractV2, CreateContractV2: &xdr.CreateContractArgsV2{
		ContractIdPreimage: preimage(deployer, salt),
		Executable:         xdr.ContractExecutable{Type: xdr.ContractExecutableTypeContractExecutableWasm, WasmHash: &hash},
		ConstructorArgs:    []xdr.ScVal{{Type: xdr.ScValTypeScvAddress, Address: ptr(addressOf(admin))}, bytesVal(commitment[:])},
	}}
}

func preimage(deployer *keypair.Full, salt string) xdr.ContractIdPreimage {
	return xdr.ContractIdPreimage{
		Type: xdr.ContractIdPreimageTypeContractIdPreimageFromAddress,
		FromAddress: &xdr.ContractIdPreimageFromAddress{
			Address: addressOf(deployer), Salt: xdr.Uint256(sha256.Sum256([]byte(salt))),
		},
	}
}

// contractID is known before the contract exists.
func (b *testBundle) contractID(deployer *keypair.Full, salt string) xdr.ContractId {
	b.Helper()
	id := xdr.HashIdPreimage{Type: xdr.EnvelopeTypeEnvelopeTypeContractId, ContractId: &xdr.HashIdPreimageContractId{
		NetworkId: network.ID(b.pass), ContractIdPreimage: preimage(deployer, salt),
	}}
	raw, err := id.MarshalBinary()
	require.NoError(b, err)
	return xdr.ContractId(sha256.Sum256(raw))
}

// deploy uploads nothing: the code must be there.
func (b *testBundle) deploy(deployer *keypair.Full, salt string) xdr.ContractId {
	b.Helper()
	a := b.invoke(deployer, deployment(deployer, deployer, salt))
	require.Equal(b, protocol.TransactionStatusSuccess, a.Status)
	return b.contractID(deployer, salt)
}

func call(id xdr.ContractId, function string, args ...xdr.ScVal) xdr.HostFunction {
	return xdr.HostFunction{Type: xdr.HostFunctionTypeHostFunctionTypeInvokeContract, InvokeContract: &xdr.InvokeContractArgs{
		ContractAddress: contractAddress(id), FunctionName: xdr.ScSymbol(function), Args: args,
	}}
}

func contractAddress(id xdr.ContractId) xdr.ScAddress {
	return xdr.ScAddress{Type: xdr.ScAddressTypeScAddressTypeContract, ContractId: &id}
}

func addressOf(k *keypair.Full) xdr.ScAddress {
	return xdr.ScAddress{Type: xdr.ScAddressTypeScAddressTypeAccount, AccountId: ptr(xdr.MustAddress(k.Address()))}
}

func instanceKey(id xdr.ContractId) xdr.LedgerKey {
	return xdr.LedgerKey{Type: xdr.LedgerEntryTypeContractData, ContractData: &xdr.LedgerKeyContractData{
		Contract: contractAddress(id), Key: xdr.ScVal{Type: xdr.ScValTypeScvLedgerKeyContractInstance}, Durability: xdr.ContractDataDurabilityPersistent,
	}}
}

func codeKey() xdr.LedgerKey {
	return xdr.LedgerKey{Type: xdr.LedgerEntryTypeContractCode, ContractCode: &xdr.LedgerKeyContractCode{Hash: tenantcontract.Hash()}}
}

// liveUntil are the last live ledgers of entries: 0 archived, -1 absent.
func (b *testBundle) liveUntil(keys ...xdr.LedgerKey) []int {
	b.Helper()
	var out []int
	for _, k := range keys {
		live := -1
		if found := b.entries(k); len(found) > 0 {
			live = int(*found[0].LiveUntilLedgerSeq)
		}
		out = append(out, live)
	}
	return out
}

func strkeyOf(id xdr.ContractId) string { return strkey.MustEncode(strkey.VersionByteContract, id[:]) }

func ptr[T any](v T) *T { return &v }

func u32Val(v uint32) xdr.ScVal {
	return xdr.ScVal{Type: xdr.ScValTypeScvU32, U32: ptr(xdr.Uint32(v))}
}

func u64Val(v uint64) xdr.ScVal {
	return xdr.ScVal{Type: xdr.ScValTypeScvU64, U64: ptr(xdr.Uint64(v))}
}

func statusVal(s tenantcontract.Status) xdr.ScVal { return u32Val(uint32(s)) }

func bytesVal(b []byte) xdr.ScVal {
	return xdr.ScVal{Type: xdr.ScValTypeScvBytes, Bytes: ptr(xdr.ScBytes(b))}
}

// code is the outcome of the only operation, a host function.
func (a applied) code(t require.TestingT) xdr.InvokeHostFunctionResultCode {
	results, ok := a.result.OperationResults()
	require.True(t, ok, "no operation results in %s", a.result.Result.Code)
	require.Len(t, results, 1)
	return results[0].MustTr().MustInvokeHostFunctionResult().Code
}

func rootKey() *keypair.Full { return keypair.Master(devnet.Passphrase).(*keypair.Full) }

// create makes an account that nobody knows.
func create(amount string) txnbuild.Operation { return createAccount(keypair.MustRandom(), amount) }

func createAccount(key *keypair.Full, amount string) txnbuild.Operation {
	return &txnbuild.CreateAccount{Destination: key.Address(), Amount: amount}
}
