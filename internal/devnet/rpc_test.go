package devnet_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stellar/go-stellar-sdk/network"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/devnet"
)

// rpcAnswer is one JSON-RPC response.
type rpcAnswer struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// post sends a body as it is.
func (b *testBundle) post(body string) (status int, answer string) {
	b.Helper()
	res, err := http.Post(b.url, "application/json", strings.NewReader(body))
	require.NoError(b, err)
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	require.NoError(b, err)
	return res.StatusCode, string(out)
}

func (b *testBundle) call(body string) rpcAnswer {
	b.Helper()
	status, s := b.post(body)
	require.Equal(b, http.StatusOK, status, s)
	var a rpcAnswer
	require.NoError(b, json.Unmarshal([]byte(s), &a))
	return a
}

func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct {
		body string
		code int
	}{
		"no JSON":              {`{"jsonrpc":`, -32700},
		"empty":                {``, -32700},
		"empty batch":          {`[]`, -32600},
		"no object":            {`7`, -32700},
		"other version":        {`{"jsonrpc":"1.0","id":1,"method":"getHealth"}`, -32600},
		"unknown method":       {`{"jsonrpc":"2.0","id":1,"method":"getMoney"}`, -32601},
		"wrong parameter type": {`{"jsonrpc":"2.0","id":1,"method":"getTransaction","params":{"hash":7}}`, -32602},
		"no hash":              {`{"jsonrpc":"2.0","id":1,"method":"getTransaction","params":{"hash":"abc"}}`, -32602},
		"no XDR":               {`{"jsonrpc":"2.0","id":1,"method":"sendTransaction","params":{"transaction":"AAAA"}}`, -32602},
		"no base64":            {`{"jsonrpc":"2.0","id":1,"method":"getLedgerEntries","params":{"keys":["%%"]}}`, -32602},
		"trailing bytes":       {`{"jsonrpc":"2.0","id":1,"method":"getLedgerEntries","params":{"keys":["AAAACAAAAAAAAAAA"]}}`, -32602},
		"JSON instead of XDR":  {`{"jsonrpc":"2.0","id":1,"method":"getTransaction","params":{"hash":"` + strings.Repeat("0", 64) + `","xdrFormat":"json"}}`, -32602},
		"events of the future": {`{"jsonrpc":"2.0","id":1,"method":"getEvents","params":{"startLedger":4000000000}}`, -32600},
		"events of nowhere":    {`{"jsonrpc":"2.0","id":1,"method":"getEvents","params":{}}`, -32602},
		"events, badly asked":  {`{"jsonrpc":"2.0","id":1,"method":"getEvents","params":{"startLedger":1,"filters":[{"contractIds":["C"]}]}}`, -32602},
		"too many events":      {`{"jsonrpc":"2.0","id":1,"method":"getEvents","params":{"startLedger":1,"pagination":{"limit":10001}}}`, -32602},
		"future transactions":  {`{"jsonrpc":"2.0","id":1,"method":"getTransactions","params":{"startLedger":9}}`, -32600},
		"future cursor":        {`{"jsonrpc":"2.0","id":1,"method":"getLedgers","params":{"pagination":{"cursor":"9"}}}`, -32602},
		"bad cursor":           {`{"jsonrpc":"2.0","id":1,"method":"getTransactions","params":{"pagination":{"cursor":"x"}}}`, -32602},
		"too large a page":     {`{"jsonrpc":"2.0","id":1,"method":"getLedgers","params":{"startLedger":1,"pagination":{"limit":100000}}}`, -32600},
		"batch of too many":    {`[` + strings.Repeat(`{},`, 100) + `{}]`, -32600},
	} {
		a := b.call(c.body)
		require.NotNil(t, a.Error, name)
		require.Equal(t, c.code, a.Error.Code, "%s: %s", name, a.Error.Message)
	}
	b.account() // still at work
}

func TestHTTPDetails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	status, _ := b.post(`{"jsonrpc":"2.0","id":1,"method":"getHealth","params":"` + strings.Repeat("x", 600<<10) + `"}`)
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	status, answer := b.post(`{"jsonrpc":"2.0","method":"getHealth"}`)
	require.Equal(t, http.StatusNoContent, status, "a notification has no answer")
	require.Empty(t, answer)

	res, err := http.Get(b.url)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, res.StatusCode)
	res, err = http.Post(b.url, "text/plain", strings.NewReader(`{}`))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusUnsupportedMediaType, res.StatusCode)
	require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
}

func TestIdentifiersAndParameters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, id := range []string{`1`, `"a"`, `8274623487236`} {
		for _, params := range []string{``, `,"params":null`, `,"params":{}`} {
			a := b.call(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"getHealth"%s}`, id, params))
			require.Nil(t, a.Error)
			require.Equal(t, id, string(a.ID))
		}
	}
	_, s := b.post(`[{"jsonrpc":"2.0","id":1,"method":"getHealth"},{"jsonrpc":"2.0","id":2,"method":"nothing"}]`)
	var batch []rpcAnswer
	require.NoError(t, json.Unmarshal([]byte(s), &batch))
	require.Len(t, batch, 2)
	require.Nil(t, batch[0].Error)
	require.Equal(t, -32601, batch[1].Error.Code)
}

// Whatever bytes are sent, the network answers and stays alive.
func TestArbitraryBytesAreAnswered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	good, err := b.tx(admin, b.prepare(admin, uploadFunction())).Base64()
	require.NoError(t, err)
	var env xdr.TransactionEnvelope
	require.NoError(t, xdr.SafeUnmarshalBase64(good, &env))
	raw, err := env.MarshalBinary()
	require.NoError(t, err)
	rapid.Check(t, func(rt *rapid.T) {
		mutated := bytes.Clone(raw)
		for range rapid.IntRange(1, 4).Draw(rt, "changes") {
			mutated[rapid.IntRange(0, len(mutated)-1).Draw(rt, "at")] = rapid.Byte().Draw(rt, "byte")
		}
		for _, method := range []string{protocol.SendTransactionMethodName, protocol.SimulateTransactionMethodName} {
			body, err := json.Marshal(map[string]any{
				"jsonrpc": "2.0", "id": rand.IntN(1000), "method": method, "params": map[string]any{"transaction": mutated}, // base64 by encoding/json
			})
			require.NoError(rt, err)
			a := b.call(string(body))
			if a.Error != nil {
				require.Equal(rt, -32602, a.Error.Code, a.Error.Message)
			}
		}
		b.close()
	})
	b.account()
}

// Values nested beyond what the host decodes are refused, one way or another.
func TestDeeplyNestedValues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.account()
	b.upload(admin)
	id := b.deploy(admin, "clinic")
	for _, depth := range []int{100, 400, 1000} {
		v := u32Val(1)
		for range depth {
			v = xdr.ScVal{Type: xdr.ScValTypeScvVec, Vec: ptr(ptr(xdr.ScVec{v}))}
		}
		fn := call(id, tenantcontract.SetStatus, v)
		tx, err := b.sign(b.params(admin, operation(admin, fn))).Base64()
		require.NoError(t, err)
		s, err := b.rpc.SimulateTransaction(t.Context(), protocol.SimulateTransactionRequest{Transaction: tx})
		require.NoError(t, err)
		require.NotEmpty(t, s.Error)

		op := b.prepare(admin, call(id, tenantcontract.SetStatus, statusVal(tenantcontract.Suspended)))
		op.HostFunction = fn
		op.Ext.SorobanData.ResourceFee += xlm // the transaction is larger than the simulated one
		tx, err = b.tx(admin, op).Base64()
		require.NoError(t, err)
		r, err := b.rpc.SendTransaction(t.Context(), protocol.SendTransactionRequest{Transaction: tx})
		if err != nil {
			require.ErrorContains(t, err, "invalid_xdr")
			continue
		}
		require.Equal(t, "PENDING", r.Status)
		b.close()
		require.Equal(t, protocol.TransactionStatusFailed, b.get(r.Hash).Status)
	}
}

func TestGettersOfANewNetwork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	health, err := b.rpc.GetHealth(ctx)
	require.NoError(t, err)
	require.Equal(t, "healthy", health.Status)
	require.Equal(t, uint32(1), health.LatestLedger)
	n, err := b.rpc.GetNetwork(ctx)
	require.NoError(t, err)
	require.Equal(t, b.pass, n.Passphrase)
	require.Equal(t, 28, n.ProtocolVersion)
	require.Equal(t, b.url+"/friendbot", n.FriendbotURL)
	version, err := b.rpc.GetVersionInfo(ctx)
	require.NoError(t, err)
	require.Equal(t, uint32(28), version.ProtocolVersion)
	fees, err := b.rpc.GetFeeStats(ctx)
	require.NoError(t, err)
	require.Equal(t, protocol.FeeDistribution{LedgerCount: 1}, fees.SorobanInclusionFee)
}

func TestHealthNeedsFreshLedgers(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := setupWith(t, devnet.Config{Now: c.now})
	c.seconds.Add(36)
	_, err := b.rpc.GetHealth(t.Context())
	require.ErrorContains(t, err, "since last known ledger closed is too high")
	b.close()
	_, err = b.rpc.GetHealth(t.Context())
	require.NoError(t, err)
}

func TestFeeStatisticsForget(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.invoke(b.account(), uploadFunction())
	window := func() [2]uint32 {
		s, err := b.rpc.GetFeeStats(t.Context())
		require.NoError(t, err)
		return [2]uint32{s.InclusionFee.TransactionCount, s.SorobanInclusionFee.TransactionCount}
	}
	require.Equal(t, [2]uint32{1, 1}, window())
	for range 9 {
		b.close()
	}
	require.Equal(t, [2]uint32{0, 1}, window(), "classic: ten ledgers")
	for range 40 {
		b.close()
	}
	require.Equal(t, [2]uint32{0, 1}, window())
	b.close()
	require.Equal(t, [2]uint32{0, 0}, window(), "Soroban: fifty ledgers")
}

func TestLedgersChain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 4 {
		b.account()
	}
	first, err := b.rpc.GetLedgers(t.Context(), protocol.GetLedgersRequest{StartLedger: 1, Pagination: &protocol.LedgerPaginationOptions{Limit: 3}})
	require.NoError(t, err)
	rest, err := b.rpc.GetLedgers(t.Context(), protocol.GetLedgersRequest{Pagination: &protocol.LedgerPaginationOptions{Cursor: first.Cursor}})
	require.NoError(t, err)
	ledgers := slices.Concat(first.Ledgers, rest.Ledgers)
	require.Len(t, ledgers, 5)
	previous := strings.Repeat("0", 64)
	for i, l := range ledgers {
		var header xdr.LedgerHeaderHistoryEntry
		require.NoError(t, xdr.SafeUnmarshalBase64(l.LedgerHeader, &header))
		require.Equal(t, uint32(i+1), l.Sequence)
		require.Equal(t, l.Hash, header.Hash.HexString())
		require.Equal(t, previous, header.Header.PreviousLedgerHash.HexString())
		previous = l.Hash
	}
}

// The meta of a ledger has every transaction that it has a result of, and the
// header the hash of the set.
func TestLedgersHaveTheirTransactions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	accounts := b.accounts(2)
	sent := []string{
		b.send(b.tx(accounts[0], b.prepare(accounts[0], uploadFunction()))).Hash,
		b.send(b.feeBump(b.tx(accounts[1], create("10")), b.root, 200)).Hash,
	}
	b.close()
	var meta xdr.LedgerCloseMeta
	require.NoError(t, xdr.SafeUnmarshalBase64(b.latest().LedgerMetadata, &meta))
	set, err := meta.MustV2().TxSet.MarshalBinary()
	require.NoError(t, err)
	require.Equal(t, meta.LedgerHeaderHistoryEntry().Header.ScpValue.TxSetHash, xdr.Hash(sha256.Sum256(set)))
	var held, results []string
	for i, env := range meta.TransactionEnvelopes() {
		hash, err := network.HashTransactionInEnvelope(env, b.pass)
		require.NoError(t, err)
		held = append(held, hex.EncodeToString(hash[:]))
		results = append(results, meta.TransactionHash(i).HexString())
		require.Len(t, meta.FeeProcessing(i), 2, "the payer before and after")
	}
	require.ElementsMatch(t, sent, held)
	require.ElementsMatch(t, sent, results)
}

func TestTransactionsByPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	accounts := b.accounts(3)
	sent := map[string]bool{}
	for range 2 {
		for _, k := range accounts {
			sent[b.send(b.tx(k, create("10"))).Hash] = true
		}
		b.close()
	}
	q := protocol.GetTransactionsRequest{StartLedger: 3, Pagination: &protocol.LedgerPaginationOptions{Limit: 4}}
	page, err := b.rpc.GetTransactions(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, page.Transactions, 4)
	q = protocol.GetTransactionsRequest{Pagination: &protocol.LedgerPaginationOptions{Cursor: page.Cursor}}
	rest, err := b.rpc.GetTransactions(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, rest.Transactions, 2)
	for _, tx := range slices.Concat(page.Transactions, rest.Transactions) {
		require.True(t, sent[tx.TransactionHash])
		delete(sent, tx.TransactionHash)
	}
	require.Empty(t, sent)
}
