package devnet_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/devnet"
)

// xlm is in stroops.
const xlm = 10_000_000

// TestPriceOfEachCall prints what each call costs where entries live as long as
// on the public network, and holds it below a bound. Only who uploads or restores
// the code pays for the life of it.
func TestPriceOfEachCall(t *testing.T) {
	t.Parallel()
	b := setupWith(t, devnet.Config{MinPersistentTTL: devnet.PublicMinPersistentTTL})
	accounts := b.accounts(2)
	admin, next := accounts[0], accounts[1]
	id := b.contractID(admin, "clinic")
	other := anotherVersion(t)
	setStatus := func(s tenantcontract.Status) xdr.HostFunction {
		return call(id, tenantcontract.SetStatus, statusVal(s))
	}
	anchor := call(id, tenantcontract.AnchorRoot, bytesVal(make([]byte, 32)), u64Val(1), u64Val(10))
	propose := call(id, tenantcontract.ProposeAdmin, addressVal(next))
	hash := sha256Of(other)

	var table strings.Builder
	for _, p := range []struct {
		name  string
		after uint32 // ledgers
		by    *keypair.Full
		fn    xdr.HostFunction
		most  xdr.Int64
		code  bool // pays for the life of code
	}{
		{"upload", 0, admin, uploadFunction(), 60 * xlm, true},
		{"create", 0, admin, deployment(admin, admin, "clinic"), xlm / 2, false},
		{"set_status suspended", 0, admin, setStatus(tenantcontract.Suspended), xlm / 50, false},
		{"set_status active", 0, admin, setStatus(tenantcontract.Active), xlm / 50, false},
		{"set_status active, again", 0, admin, setStatus(tenantcontract.Active), xlm / 50, false},
		{"anchor, the first", 0, admin, anchor, xlm / 5, false},
		{"propose_admin", 0, admin, propose, xlm / 5, false},
		{"withdraw_admin", 0, admin, call(id, tenantcontract.WithdrawAdmin), xlm / 50, false},
		{"propose_admin, again", 0, admin, propose, xlm / 5, false},
		{"accept_admin", 0, next, call(id, tenantcontract.AcceptAdmin), xlm / 50, false},
		{"upload of the next code", 0, admin, uploadOf(other), 60 * xlm, true},
		{"upgrade", 0, next, call(id, tenantcontract.Upgrade, bytesVal(hash[:])), xlm / 50, false},
		{"set_status suspended, in the last month", 91 * ledgersOfADay, next, setStatus(tenantcontract.Suspended), xlm / 2, false},
		{"set_status terminated, after code and instance were archived", 180 * ledgersOfADay, next, setStatus(tenantcontract.Terminated), 60 * xlm, true},
	} {
		require.NoError(t, b.net.Advance(t.Context(), p.after))
		op := b.prepare(p.by, p.fn)
		a := b.apply(b.tx(p.by, op))
		require.Equal(t, protocol.TransactionStatusSuccess, a.Status, p.name)
		rent := a.meta.SorobanMeta.Ext.V1.RentFeeCharged
		fmt.Fprintf(&table, "%-60s %11.7f %11.7f\n", p.name, inXLM(a.result.FeeCharged), inXLM(rent))
		require.LessOrEqual(t, a.result.FeeCharged, p.most, p.name)
		require.Equal(t, p.code, len(codeChanges(t, a, op)) > 0, p.name)
	}
	t.Logf("contract of %d bytes\n%-60s %11s %11s\n%s", len(tenantcontract.Wasm), "call", "XLM", "of it rent", table.String())
}

func inXLM(stroops xdr.Int64) float64 { return float64(stroops) / xlm }

// codeChanges are those of the times to live of the code in an operation's
// footprint.
func codeChanges(t *testing.T, a applied, op *txnbuild.InvokeHostFunction) []xdr.LedgerEntryChangeType {
	t.Helper()
	footprint := op.Ext.SorobanData.Resources.Footprint
	var changes []xdr.LedgerEntryChangeType
	for _, key := range append(append([]xdr.LedgerKey{}, footprint.ReadOnly...), footprint.ReadWrite...) {
		if key.Type == xdr.LedgerEntryTypeContractCode {
			changes = append(changes, ttlChanges(t, a, key)...)
		}
	}
	return changes
}
