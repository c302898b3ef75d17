package devnet_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
)

// What getLedgers returns is read by the official package ingest: every
// transaction of every kind is in its set, and the changes alone make the
// balances that the RPC tells.
func TestIngestReadsLedgers(t *testing.T) {
	t.Parallel()
	program := buildIngest(t)
	b := setup(t)
	accounts := b.accounts(3)
	admin, payer, other := accounts[0], accounts[1], accounts[2]
	want := map[string]protocol.GetTransactionResponse{}
	note := func(a applied) applied { want[a.TransactionHash] = a.GetTransactionResponse; return a }
	note(b.invoke(admin, uploadFunction()))
	note(b.invoke(admin, deployment(admin, admin, "clinic")))
	id := b.contractID(admin, "clinic")

	// One ledger of classic and Soroban transactions, one of them a fee bump, one failing.
	op := b.prepare(other, call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Suspended)))
	suspend := b.tx(admin, b.prepare(admin, call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Suspended))))
	var sent []string
	for _, tx := range []base64er{b.feeBump(suspend, payer, 1000), b.tx(other, op), b.tx(b.root, create("10"))} {
		sent = append(sent, b.send(tx).Hash)
	}
	b.close()
	for _, hash := range sent {
		note(b.applied(hash))
	}
	require.Equal(t, protocol.TransactionStatusFailed, want[sent[1]].Status)

	out, err := command(t, "", program, b.url, b.pass, strconv.Itoa(int(b.latest().Sequence))).Output()
	require.NoError(t, err)
	var saw struct {
		Transactions []struct {
			Ledger                     uint32
			Hash                       string
			OK                         bool
			Charged, Inclusion, Refund int64
			Events                     int
		}
		Balances map[string]int64
	}
	require.NoError(t, json.Unmarshal(out, &saw))
	for _, tx := range saw.Transactions {
		known, ok := want[tx.Hash]
		if !ok {
			continue
		}
		delete(want, tx.Hash)
		a := b.applied(tx.Hash)
		require.Equal(t, known.Ledger, tx.Ledger)
		require.Equal(t, known.Status == protocol.TransactionStatusSuccess, tx.OK)
		require.Equal(t, int64(a.result.FeeCharged), tx.Charged)
		events := 0
		for _, op := range known.Events.ContractEventsXDR {
			events += len(op)
		}
		require.Equal(t, events, tx.Events)
		if tx.Hash == sent[2] {
			require.Equal(t, int64(100), tx.Inclusion)
		} else {
			require.Positive(t, tx.Refund)
		}
	}
	require.Empty(t, want)
	for _, k := range []*keypair.Full{b.root, admin, payer, other} {
		require.Equal(t, b.balance(k.Address()), saw.Balances[k.Address()])
	}
}

// buildIngest builds testdata/ingest, which takes minutes the first time: CI does
// it, and who sets INGEST=1.
func buildIngest(t *testing.T) string {
	t.Helper()
	if os.Getenv("CI") != "true" && os.Getenv("INGEST") != "1" {
		t.Skip("the package ingest is tried in CI, and with INGEST=1")
	}
	program := filepath.Join(t.TempDir(), "ingest")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = "testdata/ingest"
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}
