package e2e

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/strkey"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/devnet"
)

const (
	// ledgerInterval is a hundred times faster than the public network.
	ledgerInterval = 50 * time.Millisecond
	// ledgersKept are those of two hours, far longer than the tests take: what was
	// made is counted at the end of each.
	ledgersKept = uint32(2 * time.Hour / ledgerInterval)
)

// sharedLedger is the network of all tests; each has an account of its own.
var sharedLedger ledger

type ledger struct {
	once    sync.Once
	err     error
	network *devnet.Network
	server  *httptest.Server
	end     context.CancelFunc
	ended   chan error
}

// url is that of the network's RPC.
func (l *ledger) url(t testing.TB) string {
	t.Helper()
	l.once.Do(l.start)
	require.NoError(t, l.err)
	return l.server.URL
}

func (l *ledger) start() {
	if l.network, l.err = devnet.Open(context.Background(), devnet.Config{CloseInterval: ledgerInterval, RetentionLedgers: ledgersKept}); l.err != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.end, l.ended = cancel, make(chan error, 1)
	go func() { l.ended <- l.network.Run(ctx) }()
	l.server = httptest.NewServer(l.network)
}

func (l *ledger) stop() {
	if l.server == nil {
		return
	}
	l.server.Close()
	l.end()
	_ = errors.Join(<-l.ended, l.network.Close()) // the tests have said what there is to say
}

// contractStatus asks the contract itself, past everything of the product's.
func (i *installation) contractStatus(contract string) tenantcontract.Status {
	t := i.t
	t.Helper()
	raw, err := strkey.Decode(strkey.VersionByteContract, contract)
	require.NoError(t, err, "a contract's address")
	id := xdr.ContractId(raw)
	call := &txnbuild.InvokeHostFunction{HostFunction: xdr.HostFunction{
		Type: xdr.HostFunctionTypeHostFunctionTypeInvokeContract,
		InvokeContract: &xdr.InvokeContractArgs{
			ContractAddress: xdr.ScAddress{Type: xdr.ScAddressTypeScAddressTypeContract, ContractId: &id},
			FunctionName:    tenantcontract.GetStatus,
		},
	}}
	tx, err := txnbuild.NewTransaction(txnbuild.TransactionParams{
		SourceAccount: &txnbuild.SimpleAccount{AccountID: keypair.Root(devnet.Passphrase).Address()},
		Operations:    []txnbuild.Operation{call}, BaseFee: txnbuild.MinBaseFee,
		IncrementSequenceNum: true, Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewInfiniteTimeout()},
	})
	require.NoError(t, err)
	envelope, err := tx.Base64()
	require.NoError(t, err)
	answer, err := i.ledgerClient().SimulateTransaction(t.Context(), protocol.SimulateTransactionRequest{Transaction: envelope})
	require.NoError(t, err)
	require.Empty(t, answer.Error)
	require.Len(t, answer.Results, 1)
	var v xdr.ScVal
	require.NoError(t, xdr.SafeUnmarshalBase64(*answer.Results[0].ReturnValueXDR, &v))
	status, ok := v.GetU32()
	require.True(t, ok, "the status is a number")
	return tenantcontract.Status(status)
}

// contractsMade counts the contracts that the installation has ever made, by
// what the ledgers hold.
func (i *installation) contractsMade() int {
	i.t.Helper()
	made := 0
	i.eachTransaction(func(e xdr.TransactionEnvelope) { made += creations(e, i.deployer) })
	return made
}

// eachTransaction goes through those that have succeeded, as the ledgers hold them.
func (i *installation) eachTransaction(do func(xdr.TransactionEnvelope)) {
	t := i.t
	t.Helper()
	c := i.ledgerClient()
	health, err := c.GetHealth(t.Context())
	require.NoError(t, err)
	for q := (protocol.GetTransactionsRequest{StartLedger: health.OldestLedger}); ; {
		page, err := c.GetTransactions(t.Context(), q)
		require.NoError(t, err)
		if len(page.Transactions) == 0 {
			return
		}
		for _, tx := range page.Transactions {
			if tx.Status == protocol.TransactionStatusSuccess {
				var e xdr.TransactionEnvelope
				require.NoError(t, xdr.SafeUnmarshalBase64(tx.EnvelopeXDR, &e))
				do(e)
			}
		}
		q = protocol.GetTransactionsRequest{Pagination: &protocol.LedgerPaginationOptions{Cursor: page.Cursor}}
	}
}

// creations counts the contracts that a transaction makes for an account.
func creations(e xdr.TransactionEnvelope, account string) int {
	n := 0
	for _, op := range e.Operations() {
		call, ok := op.Body.GetInvokeHostFunctionOp()
		if !ok || call.HostFunction.CreateContractV2 == nil {
			continue
		}
		from := call.HostFunction.CreateContractV2.ContractIdPreimage.FromAddress.Address
		if from.AccountId.Address() == account {
			n++
		}
	}
	return n
}

func (i *installation) ledgerClient() *rpcclient.Client {
	i.t.Helper()
	c := rpcclient.NewClient(i.ledger, nil)
	i.t.Cleanup(func() { require.NoError(i.t, c.Close()) })
	return c
}
