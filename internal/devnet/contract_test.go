package devnet_test

import (
	"crypto/sha256"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/network"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
)

func TestDeploymentRunsTheConstructor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	deployer, admin := b.account(), b.account()
	b.upload(deployer)

	a := b.invoke(deployer, deployment(deployer, admin, "clinic"))
	require.Equal(t, protocol.TransactionStatusSuccess, a.Status)
	id := b.contractID(deployer, "clinic")
	require.Equal(t, contractAddress(id), *a.value().Address, "the id is known before the deployment")

	commitment := sha256.Sum256([]byte("commitment of clinic"))
	require.Equal(t, statusVal(tenantcontract.Active), b.read(deployer, id, tenantcontract.GetStatus))
	require.Equal(t, bytesVal(commitment[:]), b.read(deployer, id, tenantcontract.GetCommitment))
	require.Equal(t, addressOf(admin), *b.read(deployer, id, tenantcontract.GetAdmin).Address)
}

func TestSecondDeploymentIsRefusedByTheHost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	deployer := b.account()
	b.upload(deployer)
	op := b.prepare(deployer, deployment(deployer, deployer, "clinic"))
	b.deploy(deployer, "clinic")

	s := b.simulate(deployer.Address(), op, "")
	require.Contains(t, s.Error, "Error(Storage, ExistingValue)")
	b.trap(b.apply(b.tx(deployer, op)))
}

func TestDeploymentWithoutCodeIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	deployer := b.account()
	s := b.simulate(deployer.Address(), operation(deployer, deployment(deployer, deployer, "clinic")), "")
	require.Contains(t, s.Error, "Error(Storage, MissingValue)")
}

func TestAuthorisationIsJudgedByTheHost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	accounts := b.accounts(2)
	admin, other := accounts[0], accounts[1]
	b.upload(admin)
	id := b.deploy(admin, "clinic")
	suspend := call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Suspended))

	// Without the administrator's authorisation.
	op := b.prepare(other, suspend)
	require.Len(t, op.Auth, 1, "the simulation records whose authorisation is needed")
	op.Auth = nil
	b.trap(b.apply(b.tx(other, op)))
	enforced := b.simulate(other.Address(), operation(other, suspend), protocol.AuthModeEnforce)
	require.Contains(t, enforced.Error, "Error(Auth, InvalidAction)")

	// With somebody else's signature.
	op = b.prepare(other, suspend)
	authorize(t, other, b.pass, &op.Auth[0])
	b.trap(b.apply(b.tx(other, op)))
	require.Equal(t, statusVal(tenantcontract.Active), b.read(other, id, tenantcontract.GetStatus))

	// With the administrator's.
	op = b.prepare(other, suspend)
	authorize(t, admin, b.pass, &op.Auth[0])
	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(b.tx(other, op)).Status)
	require.Equal(t, statusVal(tenantcontract.Suspended), b.read(other, id, tenantcontract.GetStatus))
	b.trap(b.apply(b.tx(other, op))) // its nonce is used up
}

func TestContractErrorsReachTheCaller(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	b.upload(admin)
	id := b.deploy(admin, "clinic")
	root := bytesVal(make([]byte, 32))

	a := b.invoke(admin, call(id, tenantcontract.AnchorRoot, root, u64Val(1), u64Val(10)))
	require.Equal(t, protocol.TransactionStatusSuccess, a.Status)
	s := b.simulate(admin.Address(), operation(admin, call(id, tenantcontract.AnchorRoot, root, u64Val(5), u64Val(10))), "")
	require.Contains(t, s.Error, "Error(Contract, #2)")
	require.NotEmpty(t, s.EventsXDR, "diagnostic events say why")
	s = b.simulate(admin.Address(), operation(admin, call(id, tenantcontract.SetStatus, u32Val(9))), "")
	require.Contains(t, s.Error, "Error(WasmVm, InvalidAction)", "not a status")
	s = b.simulate(admin.Address(), operation(admin, call(id, "no_such_function")), "")
	require.Contains(t, s.Error, "Error(WasmVm, MissingValue)")
}

func TestTerminatedIsFinal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	b.upload(admin)
	id := b.deploy(admin, "clinic")
	terminate := call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Terminated))
	for range 2 { // it may be repeated
		require.Equal(t, protocol.TransactionStatusSuccess, b.invoke(admin, terminate).Status)
	}
	s := b.simulate(admin.Address(), operation(admin, call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Active))), "")
	require.Contains(t, s.Error, "Error(Contract, #1)")
}

// read calls a getter in a simulation.
func (b *testBundle) read(source *keypair.Full, id xdr.ContractId, function string) xdr.ScVal {
	b.Helper()
	s := b.simulate(source.Address(), operation(source, call(id, function)), "")
	require.Empty(b, s.Error)
	var v xdr.ScVal
	require.NoError(b, xdr.SafeUnmarshalBase64(*s.Results[0].ReturnValueXDR, &v))
	return v
}

// trap asserts that the host refused a transaction, and that its changes are gone.
func (b *testBundle) trap(a applied) {
	b.Helper()
	require.Equal(b, protocol.TransactionStatusFailed, a.Status)
	require.Equal(b, xdr.InvokeHostFunctionResultCodeInvokeHostFunctionTrapped, a.code(b))
	require.NotEmpty(b, a.DiagnosticEventsXDR)
	require.Empty(b, a.meta.Operations)
}

// authorize signs an authorisation entry, as wallets do.
func authorize(t require.TestingT, key *keypair.Full, passphrase string, a *xdr.SorobanAuthorizationEntry) {
	authorizeUntil(t, key, passphrase, a, 1_000_000)
}

func authorizeUntil(t require.TestingT, key *keypair.Full, passphrase string, a *xdr.SorobanAuthorizationEntry, ledger uint32) {
	c := a.Credentials.Address
	c.SignatureExpirationLedger = xdr.Uint32(ledger)
	image := xdr.HashIdPreimage{Type: xdr.EnvelopeTypeEnvelopeTypeSorobanAuthorization, SorobanAuthorization: &xdr.HashIdPreimageSorobanAuthorization{
		NetworkId: network.ID(passphrase), Nonce: c.Nonce, SignatureExpirationLedger: c.SignatureExpirationLedger, Invocation: a.RootInvocation,
	}}
	raw, err := image.MarshalBinary()
	require.NoError(t, err)
	hash := sha256.Sum256(raw)
	signature, err := key.Sign(hash[:])
	require.NoError(t, err)
	symbol := func(s string) xdr.ScVal {
		return xdr.ScVal{Type: xdr.ScValTypeScvSymbol, Sym: ptr(xdr.ScSymbol(s))}
	}
	m := &xdr.ScMap{
		{Key: symbol("public_key"), Val: bytesVal(xdr.MustAddress(key.Address()).Ed25519[:])},
		{Key: symbol("signature"), Val: bytesVal(signature)},
	}
	v := &xdr.ScVec{{Type: xdr.ScValTypeScvMap, Map: &m}}
	c.Signature = xdr.ScVal{Type: xdr.ScValTypeScvVec, Vec: &v}
}
