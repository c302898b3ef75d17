package devnet_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/bits"
	"os"
	"testing"
	"time"

	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/devnet"
)

// Contracts of every code that was shipped become ones of the present code, with
// all that they hold. Proposals from before version 3, which never ended, end.
func TestEarlierContractsAreUpgraded(t *testing.T) {
	t.Parallel()
	for version := uint32(1); version < tenantcontract.Version; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			wasm, err := os.ReadFile(fmt.Sprintf("../../contracts/tenant/testdata/%d.wasm", version))
			require.NoError(t, err)
			b, id, admin, next := withHistory(t, wasm)
			s := b.simulate(admin.Address(), operation(admin, call(id, tenantcontract.GetVersion)), "")
			require.Contains(t, s.Error, "Error(WasmVm, MissingValue)", "no code before version 3 tells its version")

			b.upgradeKeepingState(id, admin)
			require.Equal(t, xdr.ScValTypeScvVoid, b.read(admin, id, tenantcontract.ProposedAdmin).Type)
			s = b.simulate(next.Address(), operation(next, call(id, tenantcontract.AcceptAdmin)), "")
			require.Contains(t, s.Error, "Error(Contract, #3)")
		})
	}
}

// The present code upgrades itself: its version rises, and a proposal is kept.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	b, id, admin, next := withHistory(t, anotherVersion(t))
	require.Equal(t, u32Val(tenantcontract.Version-1), b.read(admin, id, tenantcontract.GetVersion))
	s := b.simulate(admin.Address(), operation(admin, call(id, tenantcontract.Upgrade, bytesVal(make([]byte, 32)))), "")
	require.Contains(t, s.Error, "Error(Storage, MissingValue)", "no such code")

	b.upgradeKeepingState(id, admin)
	require.Equal(t, protocol.TransactionStatusSuccess, b.invoke(next, call(id, tenantcontract.AcceptAdmin)).Status)
	require.Equal(t, addressVal(next), b.read(admin, id, tenantcontract.GetAdmin))
}

func TestProposalExpiresByTheClock(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := setupWith(t, devnet.Config{Now: c.now})
	accounts := b.accounts(2)
	admin, next := accounts[0], accounts[1]
	b.upload(admin)
	id := b.deploy(admin, "clinic")
	require.Equal(t, protocol.TransactionStatusSuccess, b.invoke(admin, call(id, tenantcontract.ProposeAdmin, addressVal(next))).Status)
	accept := operation(next, call(id, tenantcontract.AcceptAdmin))
	require.Equal(t, xdr.ScValTypeScvMap, b.read(admin, id, tenantcontract.ProposedAdmin).Type)
	require.Empty(t, b.simulate(next.Address(), accept, "").Error)

	c.seconds.Add(int64(7 * 24 * time.Hour / time.Second))
	b.close()
	require.Equal(t, xdr.ScValTypeScvVoid, b.read(admin, id, tenantcontract.ProposedAdmin).Type)
	require.Contains(t, b.simulate(next.Address(), accept, "").Error, "Error(Contract, #3)")
}

// withHistory deploys code, and does with the contract what leaves something in
// it: another status, an anchor, and a proposal to next.
func withHistory(t *testing.T, wasm []byte) (b *testBundle, id xdr.ContractId, admin, next *keypair.Full) {
	t.Helper()
	b = setup(t)
	accounts := b.accounts(2)
	admin, next = accounts[0], accounts[1]
	create := deployment(admin, admin, "clinic")
	create.CreateContractV2.Executable.WasmHash = ptr(sha256Of(wasm))
	id = b.contractID(admin, "clinic")
	for _, fn := range []xdr.HostFunction{
		uploadOf(wasm), create,
		call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Suspended)),
		call(id, tenantcontract.AnchorRoot, bytesVal(bytes.Repeat([]byte{7}, 32)), u64Val(1), u64Val(10)),
		call(id, tenantcontract.ProposeAdmin, addressVal(next)),
	} {
		require.Equal(t, protocol.TransactionStatusSuccess, b.invoke(admin, fn).Status)
	}
	return b, id, admin, next
}

// upgradeKeepingState gives a contract the present code, and asserts that it
// says the same as before, and works.
func (b *testBundle) upgradeKeepingState(id xdr.ContractId, admin *keypair.Full) {
	b.Helper()
	state := func() []xdr.ScVal {
		var all []xdr.ScVal
		for _, f := range []string{tenantcontract.GetStatus, tenantcontract.GetCommitment, tenantcontract.GetAdmin, tenantcontract.LastAnchor} {
			all = append(all, b.read(admin, id, f))
		}
		return all
	}
	before := state()
	b.upload(admin)
	hash := tenantcontract.Hash()
	require.Equal(b, protocol.TransactionStatusSuccess, b.invoke(admin, call(id, tenantcontract.Upgrade, bytesVal(hash[:]))).Status)
	require.Equal(b, u32Val(tenantcontract.Version), b.read(admin, id, tenantcontract.GetVersion))
	require.Equal(b, before, state())
	for _, fn := range []xdr.HostFunction{
		call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Active)),
		call(id, tenantcontract.AnchorRoot, bytesVal(bytes.Repeat([]byte{8}, 32)), u64Val(11), u64Val(12)),
	} {
		require.Equal(b, protocol.TransactionStatusSuccess, b.invoke(admin, fn).Status)
	}
	require.Equal(b, statusVal(tenantcontract.Active), b.read(admin, id, tenantcontract.GetStatus))
}

// anotherVersion is the present code under the number before its own: the
// constant that version returns is another one, of the same length.
func anotherVersion(t *testing.T) []byte {
	t.Helper()
	const i64Const, tagOfU32, moreFollows = 0x42, 4, 0x80
	value := func(version uint64) uint64 { return version<<32 | tagOfU32 }
	length := bits.Len64(value(tenantcontract.Version))/7 + 1 // seven bits a byte, and one for the sign
	constant := func(version uint64) []byte {
		encoded := []byte{i64Const}
		for v := value(version); len(encoded) <= length; v >>= 7 {
			encoded = append(encoded, byte(v)|moreFollows)
		}
		encoded[length] &^= moreFollows
		return encoded
	}
	was := constant(tenantcontract.Version)
	require.Equal(t, 1, bytes.Count(tenantcontract.Wasm, was), "a constant that only version has")
	return bytes.Replace(tenantcontract.Wasm, was, constant(tenantcontract.Version-1), 1)
}

func sha256Of(wasm []byte) xdr.Hash { return sha256.Sum256(wasm) }

func addressVal(k *keypair.Full) xdr.ScVal {
	return xdr.ScVal{Type: xdr.ScValTypeScvAddress, Address: ptr(addressOf(k))}
}
