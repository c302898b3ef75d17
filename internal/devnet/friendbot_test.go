package devnet_test

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/devnet/devnettest"
)

func running(t *testing.T) *testBundle {
	t.Helper()
	url := devnettest.Start(t)
	return &testBundle{T: t, url: url, pass: devnet.Passphrase, root: rootKey(), rpc: rpcclient.NewClient(url, http.DefaultClient)}
}

func TestFriendbotFundsAnAccount(t *testing.T) {
	t.Parallel()
	b := running(t)
	key := keypair.MustRandom()
	status, answer := b.friendbot(key.Address())
	require.Equal(t, http.StatusOK, status)

	tx := b.get(answer.Hash)
	require.Equal(t, protocol.TransactionStatusSuccess, tx.Status, "it answers when the ledger is closed")
	require.Equal(t, int64(tx.Ledger)<<32, b.sequence(key.Address()), "a new account starts at the sequence number of its ledger")
	require.Equal(t, int64(10_000*1e7), b.balance(key.Address()))

	status, answer = b.friendbot(key.Address())
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "account already funded to starting balance", answer.Detail)
	// What was spent, the friendbot gives again, whole: as on testnet.
	spent := b.tx(key, &txnbuild.Payment{Destination: b.root.Address(), Amount: "1", Asset: txnbuild.NativeAsset{}})
	require.Equal(t, "PENDING", b.send(spent).Status)
	require.Eventually(t, func() bool { return b.balance(key.Address()) < 10_000*1e7 }, time.Minute, time.Millisecond)
	left := b.balance(key.Address())
	status, _ = b.friendbot(key.Address())
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, left+10_000*1e7, b.balance(key.Address()))

	status, _ = b.friendbot("nobody")
	require.Equal(t, http.StatusBadRequest, status)
}

func TestFriendbotServesManyAtOnce(t *testing.T) {
	t.Parallel()
	b := running(t)
	const many = 250 // more than fit into one transaction
	statuses := make([]int, many)
	keys := make([]*keypair.Full, many)
	var wg sync.WaitGroup
	for i := range many {
		keys[i] = keypair.MustRandom()
		wg.Go(func() { statuses[i], _ = b.friendbot(keys[i].Address()) })
	}
	wg.Wait()
	for i, k := range keys {
		require.Equal(t, http.StatusOK, statuses[i])
		require.Equal(t, int64(10_000*1e7), b.balance(k.Address()))
	}
}

type friendbotAnswer struct{ Hash, Detail string }

func (b *testBundle) friendbot(address string) (int, friendbotAnswer) {
	res, err := http.Get(b.url + "/friendbot?addr=" + address)
	if err != nil {
		b.Errorf("friendbot: %v", err)
		return 0, friendbotAnswer{}
	}
	defer res.Body.Close()
	var a friendbotAnswer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		b.Errorf("friendbot: %v", err)
	}
	return res.StatusCode, a
}

// fundOverHTTP funds a new account and returns the hash of the transaction.
func (b *testBundle) fundOverHTTP() string {
	b.Helper()
	status, a := b.friendbot(keypair.MustRandom().Address())
	require.Equal(b, http.StatusOK, status)
	return a.Hash
}
