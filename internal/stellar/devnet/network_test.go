package devnet_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/stellar/devnet/devnettest"
)

func TestFriendbotFundsAnAccount(t *testing.T) {
	t.Parallel()
	url := devnettest.Start(t)
	client := rpcclient.NewClient(url, http.DefaultClient)
	key := keypair.MustRandom()

	res, err := http.Get(url + "/friendbot?addr=" + key.Address())
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	var funded struct{ Hash string }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&funded))

	tx, err := client.GetTransaction(t.Context(), protocol.GetTransactionRequest{Hash: funded.Hash})
	require.NoError(t, err)
	require.Equal(t, protocol.TransactionStatusSuccess, tx.Status)
	account, err := client.LoadAccount(t.Context(), key.Address())
	require.NoError(t, err)
	seq, err := account.GetSequenceNumber()
	require.NoError(t, err)
	require.Equal(t, int64(tx.Ledger)<<32, seq, "a new account starts at the sequence number of its ledger")
}
