package devnet

import (
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever happens, no lumen is made or lost: what the accounts do not have, the
// fee pool has.
func TestLumensAreConserved(t *testing.T) {
	t.Parallel()
	n, err := Open(t.Context(), Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	rapid.Check(t, func(rt *rapid.T) {
		m := &conservation{T: rt, net: n, keys: []*keypair.Full{keypair.Master(Passphrase).(*keypair.Full)}}
		rt.Repeat(map[string]func(*rapid.T){
			"create":  m.create,
			"pay":     m.pay,
			"merge":   m.merge,
			"upload":  m.upload,
			"lock up": m.sign,
			"close":   func(*rapid.T) { require.NoError(rt, n.CloseLedger(t.Context())) },
			"":        m.check,
		})
	})
}

type conservation struct {
	*rapid.T
	net  *Network
	keys []*keypair.Full
}

func (m *conservation) some(t *rapid.T) *keypair.Full {
	return rapid.SampledFrom(m.keys).Draw(t, "account")
}

func (m *conservation) create(t *rapid.T) {
	k := keypair.MustRandom()
	amount := rapid.SampledFrom([]string{"0.5", "1", "3", "1000"}).Draw(t, "amount")
	m.submit(t, &txnbuild.CreateAccount{Destination: k.Address(), Amount: amount})
	m.keys = append(m.keys, k)
}

func (m *conservation) pay(t *rapid.T) {
	amount := rapid.SampledFrom([]string{"0.0000001", "2", "999"}).Draw(t, "amount")
	pay := &txnbuild.Payment{Destination: m.some(t).Address(), Amount: amount, Asset: txnbuild.NativeAsset{}}
	m.submit(t, pay, pay)
}

func (m *conservation) merge(t *rapid.T) {
	m.submit(t, &txnbuild.AccountMerge{Destination: m.some(t).Address()})
}

func (m *conservation) sign(t *rapid.T) {
	m.submit(t, &txnbuild.SetOptions{Signer: &txnbuild.Signer{Address: m.some(t).Address(), Weight: txnbuild.Threshold(rapid.IntRange(0, 1).Draw(t, "weight"))}})
}

// upload declares enough for bytes that are no contract: it fails, and is refunded.
func (m *conservation) upload(t *rapid.T) {
	code := rapid.SliceOfN(rapid.Byte(), 1, 32).Draw(t, "code")
	m.submit(t, &txnbuild.InvokeHostFunction{
		HostFunction: xdr.HostFunction{Type: xdr.HostFunctionTypeHostFunctionTypeUploadContractWasm, Wasm: &code},
		Ext: xdr.TransactionExt{V: 1, SorobanData: &xdr.SorobanTransactionData{
			Resources: xdr.SorobanResources{Instructions: 1_000_000}, ResourceFee: 1_000_000,
		}},
	})
}

// submit sends from one of the accounts, which may not exist, and with a fee
// bump by another, which may have nothing.
func (m *conservation) submit(t *rapid.T, ops ...txnbuild.Operation) {
	source, payer := m.some(t), m.some(t)
	seq := int64(1)
	if a := account(m.net.ledger.state, xdr.MustAddress(source.Address())); a != nil {
		seq = int64(a.SeqNum)
	}
	tx, err := txnbuild.NewTransaction(txnbuild.TransactionParams{
		SourceAccount:        &txnbuild.SimpleAccount{AccountID: source.Address(), Sequence: seq},
		IncrementSequenceNum: true, BaseFee: 100, Operations: ops,
		Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewInfiniteTimeout()},
	})
	require.NoError(t, err)
	tx, err = tx.Sign(Passphrase, source)
	require.NoError(t, err)
	env := tx.ToXDR()
	if rapid.Bool().Draw(t, "fee bump") {
		bump, err := txnbuild.NewFeeBumpTransaction(txnbuild.FeeBumpTransactionParams{Inner: tx, FeeAccount: payer.Address(), BaseFee: 300})
		require.NoError(t, err)
		bump, err = bump.Sign(Passphrase, payer)
		require.NoError(t, err)
		env = bump.ToXDR()
	}
	parsed, err := newTransaction(env, Passphrase)
	require.NoError(t, err)
	_, err = m.net.submit(m.Context(), parsed)
	require.NoError(t, err)
}

func (m *conservation) check(t *rapid.T) {
	sum := m.net.ledger.header.FeePool
	for _, e := range m.net.ledger.state {
		if a := decodeEntry(e.data).Data.Account; a != nil {
			require.GreaterOrEqual(t, a.Balance, xdr.Int64(0))
			sum += a.Balance
		}
	}
	require.Equal(t, xdr.Int64(totalCoins), sum)
}
