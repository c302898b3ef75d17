package devnet_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/devnet"
)

// serveVariable makes the test binary a network on the data directory that it
// names, to be killed.
const serveVariable = "DEVNET_TEST_SERVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveVariable); dir != "" {
		if err := serveForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveForever prints its URL and ends with its parent, if nobody kills it.
func serveForever(dir string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // the pipe closes when the parent is gone
		_, _ = os.Stdin.Read(make([]byte, 1))
		cancel()
	}()
	n, err := devnet.Open(ctx, devnet.Config{DataDir: dir, CloseInterval: 20 * time.Millisecond})
	if err != nil {
		return err
	}
	server := httptest.NewServer(n)
	defer server.Close()
	fmt.Println(server.URL)
	return n.Run(ctx)
}

func TestRestartContinuesTheChain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := openIn(t, dir)
	deployer := b.account()
	b.upload(deployer)
	id := b.deploy(deployer, "clinic")
	suspended := b.invoke(deployer, call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Suspended)))
	before, seq := b.latest(), b.sequence(deployer.Address())
	require.NoError(t, b.net.Close())

	b = openIn(t, dir)
	defer func() { require.NoError(t, b.net.Close()) }()
	require.Equal(t, before, b.latest(), "the same last ledger, hash and all")
	require.Equal(t, seq, b.sequence(deployer.Address()))
	require.Equal(t, suspended, b.applied(suspended.TransactionHash))
	require.Equal(t, statusVal(tenantcontract.Suspended), b.read(deployer, id, tenantcontract.GetStatus))
	events, err := b.rpc.GetEvents(t.Context(), protocol.GetEventsRequest{StartLedger: 1})
	require.NoError(t, err)
	require.NotEmpty(t, events.Events)

	b.close()
	require.Equal(t, before.Sequence+1, b.latest().Sequence)
	b.deploy(deployer, "practice")
}

func TestKilledNetworkLosesNothingThatWasSeen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url, kill := startProcess(t, dir)
	b := &testBundle{T: t, rpc: rpcclient.NewClient(url, http.DefaultClient), url: url, pass: devnet.Passphrase, root: rootKey()}
	var hashes []string
	for range 20 { // each is seen in a ledger, and the last ones are as fresh as can be
		hash := b.fundOverHTTP()
		require.Equal(t, protocol.TransactionStatusSuccess, b.get(hash).Status)
		hashes = append(hashes, hash)
	}
	seen := b.latest()
	kill()

	b = openIn(t, dir)
	defer func() { require.NoError(t, b.net.Close()) }()
	require.GreaterOrEqual(t, b.latest().Sequence, seen.Sequence)
	for _, h := range hashes {
		require.Equal(t, protocol.TransactionStatusSuccess, b.get(h).Status)
	}
	b.account() // and it goes on
}

func TestDataDirectoryBelongsToOneNetworkAndOneProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := openIn(t, dir)
	_, err := devnet.Open(t.Context(), devnet.Config{DataDir: dir})
	require.ErrorContains(t, err, "another process has it open")
	require.NoError(t, b.net.Close())
	_, err = devnet.Open(t.Context(), devnet.Config{DataDir: dir, Passphrase: "Another Network"})
	require.ErrorContains(t, err, `passphrase "Standalone Network ; February 2017", not "Another Network"`)
}

func TestRetentionForgetsOldLedgersOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := openWith(t, devnet.Config{DataDir: dir, RetentionLedgers: 3})
	first := b.apply(b.tx(b.root, create("100")))
	b.close()
	require.Equal(t, protocol.TransactionStatusSuccess, b.get(first.TransactionHash).Status)
	b.close()
	b.close()
	require.Equal(t, protocol.TransactionStatusNotFound, b.get(first.TransactionHash).Status)
	require.NoError(t, b.net.Close())

	b = openWith(t, devnet.Config{DataDir: dir, RetentionLedgers: 100})
	defer func() { require.NoError(t, b.net.Close()) }()
	r := b.get(first.TransactionHash)
	require.Equal(t, protocol.TransactionStatusNotFound, r.Status)
	require.Equal(t, r.LatestLedger-2, r.OldestLedger, "they are gone from the file, too")
}

// openIn serves a network that the test closes itself.
func openIn(t *testing.T, dir string) *testBundle {
	return openWith(t, devnet.Config{DataDir: dir})
}

func openWith(t *testing.T, c devnet.Config) *testBundle {
	t.Helper()
	n, err := devnet.Open(t.Context(), c)
	require.NoError(t, err)
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	return &testBundle{T: t, net: n, url: server.URL, pass: devnet.Passphrase, root: rootKey(), rpc: rpcclient.NewClient(server.URL, http.DefaultClient)}
}

func startProcess(t *testing.T, dir string) (url string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVariable+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill = func() {
		_ = cmd.Process.Kill() // SIGKILL; it may be gone
		_ = cmd.Wait()
		_ = stdin.Close()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	return line[:len(line)-1], kill
}

func (b *testBundle) latest() protocol.GetLatestLedgerResponse {
	b.Helper()
	l, err := b.rpc.GetLatestLedger(b.Context())
	require.NoError(b, err)
	return l
}
