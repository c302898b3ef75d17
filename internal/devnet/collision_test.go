package devnet

import (
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"
)

// The friendbot's batch fails when the ledger makes one of its accounts first,
// which of the two transactions it applies first is up to their hashes. Either
// way everybody is answered.
func TestFriendbotTriesAgainAfterACollision(t *testing.T) {
	t.Parallel()
	n, err := Open(t.Context(), Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	collisions := 0
	for collisions < 3 {
		taken, free := newGift(), newGift()
		require.NoError(t, n.friendbot.enqueue(taken))
		require.NoError(t, n.friendbot.enqueue(free))
		createFromRoot(t, n, taken.to)
		require.NoError(t, n.CloseLedger(t.Context()))
		if len(taken.done) == 1 { // the friendbot was first
			require.NoError(t, (<-taken.done).err)
			require.NoError(t, (<-free.done).err)
			continue
		}
		collisions++
		require.Empty(t, free.done)
		require.NoError(t, n.CloseLedger(t.Context()))
		require.Len(t, taken.done, 1)
		require.NoError(t, (<-taken.done).err, "it exists, and is paid")
		require.Len(t, free.done, 1)
		require.NoError(t, (<-free.done).err)
	}
}

func TestFriendbotAnswersWhenTheNetworkStops(t *testing.T) {
	t.Parallel()
	f := newFriendbot(Passphrase)
	waiting := newGift()
	require.NoError(t, f.enqueue(waiting))
	f.setRunning(false)
	require.ErrorIs(t, (<-waiting.done).err, errStopped)
	require.ErrorIs(t, f.enqueue(newGift()), errStopped)
	f.setRunning(true)
	require.NoError(t, f.enqueue(newGift()))
}

func newGift() *gift {
	return &gift{to: xdr.MustAddress(keypair.MustRandom().Address()), done: make(chan giftResult, 1)}
}

func createFromRoot(t *testing.T, n *Network, to xdr.AccountId) {
	t.Helper()
	root := keypair.Master(Passphrase).(*keypair.Full)
	seq := account(n.ledger.state, xdr.MustAddress(root.Address())).SeqNum
	tx, err := txnbuild.NewTransaction(txnbuild.TransactionParams{
		SourceAccount:        &txnbuild.SimpleAccount{AccountID: root.Address(), Sequence: int64(seq)},
		IncrementSequenceNum: true, BaseFee: 100,
		Operations:    []txnbuild.Operation{&txnbuild.CreateAccount{Destination: to.Address(), Amount: "5"}},
		Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewInfiniteTimeout()},
	})
	require.NoError(t, err)
	tx, err = tx.Sign(Passphrase, root)
	require.NoError(t, err)
	parsed, err := newTransaction(tx.ToXDR(), Passphrase)
	require.NoError(t, err)
	told, err := n.submit(t.Context(), parsed)
	require.NoError(t, err)
	require.Equal(t, pendingStatus, told.status)
}
