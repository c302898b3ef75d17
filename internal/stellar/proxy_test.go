package stellar_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stellar/go-stellar-sdk/network"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/devnet"
)

// request is one call of the RPC server, as the proxy sees it.
type request struct {
	// n counts the calls from 1.
	n      int
	method string
	body   []byte
	params map[string]json.RawMessage
}

// exchange lets a rule do what a bad network does.
type exchange struct {
	request
	t testing.TB
	w http.ResponseWriter
	// forward asks the real server.
	forward func() []byte
}

// pass answers truthfully.
func (x *exchange) pass() { x.answer(x.forward()) }

func (x *exchange) answer(body []byte) {
	x.w.Header().Set("Content-Type", "application/json")
	_, _ = x.w.Write(body) // the caller may be gone
}

// result answers with something of the rule's own.
func (x *exchange) result(r any) {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "result": r})
	require.NoError(x.t, err)
	x.answer(body)
}

// edit changes the real answer.
func (x *exchange) edit(change func(result map[string]any)) {
	var whole map[string]any
	require.NoError(x.t, json.Unmarshal(x.forward(), &whole))
	if r, ok := whole["result"].(map[string]any); ok {
		change(r)
	}
	body, err := json.Marshal(whole)
	require.NoError(x.t, err)
	x.answer(body)
}

// drop cuts the connection.
func (x *exchange) drop() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err == nil {
		_ = conn.Close() // it is to break
	}
}

func (x *exchange) status(code int, header ...string) {
	for i := 0; i+1 < len(header); i += 2 {
		x.w.Header().Set(header[i], header[i+1])
	}
	x.w.WriteHeader(code)
}

// proxy stands between a deployer and the network.
type proxy struct {
	url string

	mu    sync.Mutex
	calls []string
	rule  func(*exchange)
}

func newProxy(t testing.TB, target string, rule func(*exchange)) *proxy {
	t.Helper()
	p := &proxy{rule: rule}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var q struct {
			Method string                     `json:"method"`
			Params map[string]json.RawMessage `json:"params"`
		}
		if json.Unmarshal(body, &q) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		p.mu.Lock()
		p.calls = append(p.calls, q.Method)
		n, rule := len(p.calls), p.rule
		p.mu.Unlock()
		rule(&exchange{
			request: request{n: n, method: q.Method, body: body, params: q.Params}, t: t, w: w,
			forward: func() []byte { return post(target, body) },
		})
	}))
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

// post has no context: the call must reach the network although its caller is
// gone.
func post(url string, body []byte) []byte {
	resp, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil
	}
	return answer
}

func (p *proxy) setRule(rule func(*exchange)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule = rule
}

func (p *proxy) count(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, m := range p.calls {
		if method == "" || m == method {
			n++
		}
	}
	return n
}

// innerHash is the same for every bid of a transaction.
func innerHash(t testing.TB, envelope string) string {
	t.Helper()
	var e xdr.TransactionEnvelope
	require.NoError(t, xdr.SafeUnmarshalBase64(envelope, &e))
	if e.IsFeeBump() {
		e = xdr.TransactionEnvelope{Type: xdr.EnvelopeTypeEnvelopeTypeTx, V1: e.FeeBump.Tx.InnerTx.V1}
	}
	h, err := network.HashTransactionInEnvelope(e, devnet.Passphrase)
	require.NoError(t, err)
	return hex.EncodeToString(h[:])
}

func outerHash(t testing.TB, envelope string) string {
	t.Helper()
	var e xdr.TransactionEnvelope
	require.NoError(t, xdr.SafeUnmarshalBase64(envelope, &e))
	h, err := network.HashTransactionInEnvelope(e, devnet.Passphrase)
	require.NoError(t, err)
	return hex.EncodeToString(h[:])
}
