package devnet_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/devnet/devnettest"
)

// halfAYear is in ledgers of the public network.
const halfAYear = 3_150_000

func (b *testBundle) change(edit func(*devnet.Conditions)) {
	b.Helper()
	require.NoError(b, b.net.Change(b.Context(), edit))
}

// Half a year passes in an instant, and entries die of it at their ledger.
func TestAdvanceLetsEntriesAge(t *testing.T) {
	t.Parallel()
	b := setupWith(t, devnet.Config{MinPersistentTTL: devnet.PublicMinPersistentTTL, DataDir: t.TempDir()})
	admin := b.account()
	b.upload(admin)
	id := b.deploy(admin, "clinic")
	live := b.liveUntil(codeKey())[0]
	require.Equal(t, devnet.PublicMinPersistentTTL, live-int(b.latest().Sequence)+2, "120 days of the public network, from its upload on")

	pending := b.send(b.tx(admin, create("10")))
	began := time.Now()
	require.NoError(t, b.net.Advance(t.Context(), uint32(live)-b.latest().Sequence))
	require.Equal(t, live, int(b.latest().Sequence))
	require.Equal(t, live, b.liveUntil(codeKey())[0], "its last ledger")
	require.NoError(t, b.net.Advance(t.Context(), 1))
	require.Zero(t, b.liveUntil(codeKey())[0], "archived")
	require.Positive(t, b.liveUntil(instanceKey(id))[0], "the contract has renewed itself for longer")
	require.NoError(t, b.net.Advance(t.Context(), halfAYear))
	require.Less(t, time.Since(began), 30*time.Second)
	require.Equal(t, []int{0, 0}, b.liveUntil(instanceKey(id), codeKey()))

	require.Equal(t, protocol.TransactionStatusNotFound, b.get(pending.Hash).Status, "no server remembers for so long")
	health, err := b.rpc.GetHealth(t.Context())
	require.NoError(t, err, "no time has passed")
	require.Equal(t, health.LatestLedger, health.OldestLedger)
	require.Equal(t, statusVal(tenantcontract.Active), b.invoke(admin, call(id, tenantcontract.GetStatus)).value(), "restored by the call")
	require.ErrorContains(t, b.net.Advance(t.Context(), 1<<31), "2147483647")
}

func TestAdvanceEndsTemporaryEntries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	nonce, _ := usedNonce(b)
	require.Positive(t, b.liveUntil(nonce)[0])
	require.NoError(t, b.net.Advance(t.Context(), 1000))
	require.Equal(t, []int{-1}, b.liveUntil(nonce))
}

// A move within what the server remembers: the transactions before it are found,
// what waited is applied first.
func TestAdvanceKeepsHistory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	seq := b.latest().Sequence
	sent := b.send(b.tx(admin, create("10")))
	require.NoError(t, b.net.Advance(t.Context(), 1000))
	require.Equal(t, seq+1000, b.latest().Sequence)
	require.Equal(t, seq+1, b.applied(sent.Hash).Ledger)
	ledgers, err := b.rpc.GetLedgers(t.Context(), protocol.GetLedgersRequest{StartLedger: seq})
	require.NoError(t, err)
	var numbers []uint32
	for _, l := range ledgers.Ledgers {
		numbers = append(numbers, l.Sequence)
	}
	require.Equal(t, []uint32{seq, seq + 1, seq + 1000}, numbers)

	// What does not get in is dropped, and its ban is over.
	b.change(func(c *devnet.Conditions) { c.FillBid = 1_000_000 })
	tx := b.tx(admin, create("10"))
	require.Equal(t, "PENDING", b.send(tx).Status)
	require.NoError(t, b.net.Advance(t.Context(), 100))
	require.Equal(t, "PENDING", b.send(tx).Status)
	require.NoError(t, b.net.Reset(t.Context()))
	b.close()
	b.applied(b.send(tx).Hash)
}

func TestTimesToLiveOfAnotherNetwork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	b.change(func(c *devnet.Conditions) { c.MinPersistentTTL, c.MaxTTL = 2000, 5000 })
	b.upload(admin)
	require.Equal(t, int(b.latest().Sequence)+2000-1, b.liveUntil(codeKey())[0])
	extend := func(to uint32) *txnbuild.ExtendFootprintTtl {
		return &txnbuild.ExtendFootprintTtl{ExtendTo: to, SourceAccount: admin.Address(), Ext: xdr.TransactionExt{V: 1, SorobanData: &xdr.SorobanTransactionData{
			Resources: xdr.SorobanResources{Footprint: xdr.LedgerFootprint{ReadOnly: []xdr.LedgerKey{codeKey()}}},
		}}}
	}
	op := extend(4999)
	s := b.simulate(admin.Address(), op, "")
	require.Empty(t, s.Error)
	op.Ext = sorobanData(t, s.TransactionDataXDR)
	op.ExtendTo = 5000
	require.Equal(t, xdr.TransactionResultCodeTxFailed, b.refusal(b.tx(admin, op)).Result.Code, "above the maximum")
	op.ExtendTo = 4999
	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(b.tx(admin, op)).Status)
	require.Equal(t, int(b.latest().Sequence)+4999, b.liveUntil(codeKey())[0])

	require.NoError(t, b.net.Reset(t.Context()))
	id := b.deploy(admin, "clinic")
	require.Greater(t, b.liveUntil(instanceKey(id))[0], 120_000)
	require.Error(t, b.net.Change(t.Context(), func(c *devnet.Conditions) { c.MinPersistentTTL = c.MaxTTL }))
}

// Ledgers full of bids leave out who bids as much, take who bids more, and tell
// in the statistics what it costs.
func TestFullLedgers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	accounts := b.accounts(2)
	b.change(func(c *devnet.Conditions) { c.FillBid = 1_000_000 })
	bid := func(source *keypair.Full, fee int64) *txnbuild.Transaction {
		p := b.params(source, b.prepare(source, uploadFunction()))
		p.BaseFee = fee
		return b.sign(p, source)
	}
	low := bid(accounts[0], 1_000_000)
	equal, more := b.send(low), b.send(bid(accounts[1], 1_000_001))
	require.Equal(t, []string{"PENDING", "PENDING"}, []string{equal.Status, more.Status})
	b.close()
	require.Equal(t, protocol.TransactionStatusNotFound, b.get(equal.Hash).Status)
	a := b.applied(more.Hash)
	require.Equal(t, protocol.TransactionStatusSuccess, a.Status)
	require.Equal(t, xdr.Int64(1_000_000), a.result.FeeCharged-totalResourceFee(a), "the lowest bid in the ledger")
	stats, err := b.rpc.GetFeeStats(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(1_000_000), stats.SorobanInclusionFee.P10)
	require.Equal(t, uint64(1_000_000), stats.InclusionFee.P99)
	for range 3 {
		b.close()
	}
	require.Equal(t, "TRY_AGAIN_LATER", b.send(low).Status, "dropped, and banned")
	require.NoError(t, b.net.Reset(t.Context()))
	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(bid(accounts[0], 100)).Status)
}

// A server that lags knows neither the transaction nor what it has changed, and
// says so consistently.
func TestLaggingServer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	b.upload(admin)
	id := b.deploy(admin, "clinic")
	seen, seq := b.latest().Sequence, b.sequence(admin.Address())
	b.change(func(c *devnet.Conditions) { c.Lag = 2 })
	require.Equal(t, seen-2, b.latest().Sequence)
	require.Equal(t, []int{-1}, b.liveUntil(instanceKey(id)))
	require.NotEmpty(t, b.simulate(b.root.Address(), operation(b.root, call(id, tenantcontract.GetStatus)), "").Error)

	p := b.params(admin, create("10")) // with the sequence number of two ledgers ago
	require.Equal(t, xdr.TransactionResultCodeTxBadSeq, b.refusal(b.sign(p, admin)).Result.Code, "the network itself does not lag")
	p.SourceAccount = &txnbuild.SimpleAccount{AccountID: admin.Address(), Sequence: seq}
	sent := b.send(b.sign(p, admin))
	require.Equal(t, seen-2, sent.LatestLedger)
	b.close()
	b.close()
	require.Equal(t, protocol.TransactionStatusNotFound, b.get(sent.Hash).Status)
	require.Equal(t, seq, b.sequence(admin.Address()))
	b.close()
	require.Equal(t, seen+1, b.applied(sent.Hash).Ledger)
	require.Equal(t, seq+1, b.sequence(admin.Address()))
	require.NoError(t, b.net.Reset(t.Context()))
	require.Equal(t, seen+3, b.latest().Sequence)
}

func TestLostAndRefusedSends(t *testing.T) {
	t.Parallel()
	b := setup(t)
	source := b.account()
	tx := b.tx(source, create("10"))
	b.change(func(c *devnet.Conditions) { c.LoseSends, c.RefuseSends = 1, 2 })
	for _, want := range []string{"TRY_AGAIN_LATER", "TRY_AGAIN_LATER", "PENDING"} {
		sent := b.send(tx)
		require.Equal(t, want, sent.Status)
		b.close()
		require.Equal(t, protocol.TransactionStatusNotFound, b.get(sent.Hash).Status)
	}
	require.Equal(t, protocol.TransactionStatusSuccess, b.apply(tx).Status)
}

func TestIntervalOfARunningNetwork(t *testing.T) {
	t.Parallel()
	n, url := devnettest.Open(t, devnet.Config{CloseInterval: time.Hour})
	server := httptest.NewServer(n.Control())
	defer server.Close()
	b := &testBundle{T: t, net: n, url: url}
	order := func(body string) int { return int(b.control(server.URL, body)["ledger"].(float64)) }
	before := order(`{}`)
	order(`{"interval":"10ms"}`)
	require.Eventually(t, func() bool { return order(`{}`) > before+3 }, time.Minute, time.Millisecond)
	order(`{"interval":"0s"}`)
	// Eventually: one ledger may be under way. These take many times 10 ms.
	require.Eventually(t, func() bool { return order(`{}`)+10_000 == order(`{"close":10000}`) }, time.Minute, time.Millisecond, "none besides")
}

func TestControl(t *testing.T) {
	t.Parallel()
	b := setup(t)
	server := httptest.NewServer(b.net.Control())
	defer server.Close()
	start := map[string]any{
		"ledger": 1.0, "interval": "5s", "minPersistentTTL": 120_960.0, "maxTTL": 3_110_400.0,
		"fillBid": 0.0, "lag": 0.0, "loseSends": 0.0, "refuseSends": 0.0,
	}
	require.Equal(t, start, b.control(server.URL, `{}`))
	b.control(server.URL, `{"lag":1,"refuseSends":7,"interval":"200ms"}`)
	got := b.control(server.URL, `{"fillBid":5000,"minPersistentTTL":2073600,"close":2,"advance":1000}`)
	require.Equal(t, map[string]any{
		"ledger": 1004.0, "interval": "200ms", "minPersistentTTL": 2_073_600.0, "maxTTL": 3_110_400.0,
		"fillBid": 5000.0, "lag": 1.0, "loseSends": 0.0, "refuseSends": 7.0,
	}, got, "what is not named stays; other times to live close a ledger")
	start["ledger"], start["lag"] = 1005.0, 3.0
	require.Equal(t, start, b.control(server.URL, `{"reset":true,"lag":3}`))

	for body, want := range map[string]string{
		`{"lga":1}`:                `unknown field \"lga\"`,
		`{"interval":"1ms"}`:       "at least 10ms",
		`{"interval":5}`:           "decode the order",
		`{"lag":65}`:               "at most 64",
		`{"close":10001}`:          "at most 10000",
		`{"advance":2147483000}`:   "the last one that can be",
		`{"fillBid":-1}`:           "must not be negative",
		`{"maxTTL":1}`:             "below the longest life",
		`{"minPersistentTTL":"1"}`: "decode the order",
	} {
		status, answer := b.order(server.URL, "application/json", body)
		require.Equal(t, http.StatusBadRequest, status, body)
		require.Contains(t, answer, want, body)
	}
	require.Equal(t, start, b.control(server.URL, `{}`), "what is refused changes nothing")
	status, _ := b.order(server.URL, "text/plain", `{"close":1}`)
	require.Equal(t, http.StatusUnsupportedMediaType, status, "a browser could send it")
	status, _ = b.order(b.url, "application/json", `{"close":1}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, start, b.control(server.URL, `{}`), "the RPC does not obey")
}

func TestControlListensOnThisMachineOnly(t *testing.T) {
	t.Parallel()
	for _, address := range []string{":0", "0.0.0.0:0", "192.0.2.1:0", "example.org:0", "8001"} {
		_, err := devnet.ListenControl(address)
		require.ErrorContains(t, err, "address of the control endpoint", address)
	}
	listener, err := devnet.ListenControl("127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
}

func (b *testBundle) control(url, body string) map[string]any {
	b.Helper()
	status, answer := b.order(url, "application/json", body)
	require.Equal(b, http.StatusOK, status, answer)
	var out map[string]any
	require.NoError(b, json.Unmarshal([]byte(answer), &out))
	return out
}

func (b *testBundle) order(url, contentType, body string) (int, string) {
	b.Helper()
	res, err := http.Post(url, contentType, strings.NewReader(body))
	require.NoError(b, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(b, err)
	return res.StatusCode, string(answer)
}
