package main

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/starter/output"
)

// onStack adds what setup needs: a namespace and a deployer that nobody else
// uses, on the stack's Temporal and Stellar network.
func (b *bundle) onStack() {
	b.t.Helper()
	for _, name := range []string{"TEMPORAL_ADDRESS", "SOROBAN_RPC_URL"} {
		require.NotEmpty(b.t, os.Getenv(name), "%s: run this by make test, which starts the stack", name)
	}
	b.environ = append(b.environ,
		"TEMPORAL_ADDRESS="+os.Getenv("TEMPORAL_ADDRESS"), "TEMPORAL_NAMESPACE=starter-"+strings.ToLower(rand.Text()[:8]),
		"SOROBAN_NETWORK=local", "SOROBAN_RPC_URL="+os.Getenv("SOROBAN_RPC_URL"), "SOROBAN_CHANNELS=3",
		"SOROBAN_CHANNEL_SECRET="+keypair.MustRandom().Seed(), "SOROBAN_CONTRACT_DEPLOYER_SECRET="+keypair.MustRandom().Seed(),
	)
}

func TestSetupTwice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.onStack()
	var first, second output.Setup
	b.good(&first, "setup", "--wait", "3m")
	require.Contains(t, strings.Join(first.Done, "\n"), "and its search attributes are there")
	require.Contains(t, strings.Join(first.Done, "\n"), "3 channel accounts are on the ledger")
	b.good(&second, "setup", "--wait", "3m")
	require.Contains(t, strings.Join(first.Done, "\n"), "asking friendbot")
	require.NotContains(t, strings.Join(second.Done, "\n"), "asking friendbot", "only what is missing is done")
	require.Equal(t, first.Done[len(first.Done)-1], second.Done[len(second.Done)-1])
}

// TestSetupWaitsForAServerThatGoesAway: each time that an attempt has come further, the
// server is away, behind a gateway that says so.
func TestSetupWaitsForAServerThatGoesAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.onStack()
	rpc, err := url.Parse(os.Getenv("SOROBAN_RPC_URL"))
	require.NoError(t, err)
	through := httputil.NewSingleHostReverseProxy(rpc)
	var asked atomic.Int64
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := asked.Add(1); slices.Contains([]int64{2, 5, 9, 14, 20}, n) {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(gateway.Close)
	b.environ = append(b.environ, "SOROBAN_RPC_URL="+gateway.URL)
	var done output.Setup
	b.good(&done, "setup", "--wait", "3m")
	require.Greater(t, asked.Load(), int64(20))
	require.Contains(t, strings.Join(done.Done, "\n"), "3 channel accounts are on the ledger")
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(done.Done))), len(done.Done), "each is told once")
}

func TestSetupSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.onStack()
	b.environ = append(b.environ, "SOROBAN_NETWORK=testnet")
	r := b.run("setup", "--wait", "3m")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "SOROBAN_NETWORK")
	require.NotContains(t, r.errors, "DEPLOY_SOROBAN_CONTRACT", "there is no step here")
	require.Empty(t, r.out)

	b.environ = append(b.environ, "TEMPORAL_ADDRESS=127.0.0.1:9")
	r = b.run("setup", "--wait", "1s")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "TEMPORAL_ADDRESS 127.0.0.1:9 was not ready within")

	r = offline(t, nil, "setup")
	for _, name := range []string{"DB_USERNAME", "SOROBAN_NETWORK", "SOROBAN_CONTRACT_DEPLOYER_SECRET"} {
		require.Contains(t, r.errors, name)
	}
}
