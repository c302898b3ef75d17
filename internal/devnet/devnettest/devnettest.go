// Package devnettest starts local Stellar networks for tests.
//
// It must not be imported by anything but tests.
package devnettest

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/devnet"
)

// CloseInterval is the time between the ledgers of Start.
const CloseInterval = 50 * time.Millisecond

// Start runs a network in memory with fast ledgers until the test ends and
// returns the URL of its RPC. The friendbot is at the URL + "/friendbot?addr=".
func Start(t testing.TB) string {
	t.Helper()
	_, url := Open(t, devnet.Config{CloseInterval: CloseInterval})
	return url
}

// Open is Start for another configuration, and also returns the network.
func Open(t testing.TB, c devnet.Config) (*devnet.Network, string) {
	t.Helper()
	n, url := Serve(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended, "run the network")
	})
	return n, url
}

// Serve is Open without Run: ledgers close when the test calls CloseLedger.
func Serve(t testing.TB, c devnet.Config) (*devnet.Network, string) {
	t.Helper()
	n, err := devnet.Open(context.Background(), c)
	require.NoError(t, err, "open the network")
	server := httptest.NewServer(n)
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, n.Close(), "close the network")
	})
	return n, server.URL
}
