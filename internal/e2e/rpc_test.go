package e2e

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stellar/go-stellar-sdk/network"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/devnet"
)

// sendTransaction is the call by which a transaction reaches the network.
const sendTransaction = "sendTransaction"

// rpcProxy stands between the product and the ledger's RPC server.
type rpcProxy struct {
	url string

	mu   sync.Mutex
	rule func(*rpcCall)
}

// rpcCall is one call, for a rule that does what a bad network does.
type rpcCall struct {
	method string
	body   []byte
	w      http.ResponseWriter
	// forward asks the real server, whether or not the caller is still there.
	forward func() []byte
}

func (c *rpcCall) answer(body []byte) {
	c.w.Header().Set("Content-Type", "application/json")
	_, _ = c.w.Write(body) // the caller may be gone
}

// result answers with something else than the truth.
func (c *rpcCall) result(t testing.TB, r any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "result": r})
	require.NoError(t, err)
	c.answer(body)
}

// transactionHash is that of the transaction in a call of sendTransaction.
func (c *rpcCall) transactionHash(t testing.TB) string {
	t.Helper()
	var q struct {
		Params protocol.SendTransactionRequest `json:"params"`
	}
	require.NoError(t, json.Unmarshal(c.body, &q))
	var e xdr.TransactionEnvelope
	require.NoError(t, xdr.SafeUnmarshalBase64(q.Params.Transaction, &e))
	hash, err := network.HashTransactionInEnvelope(e, devnet.Passphrase)
	require.NoError(t, err)
	return hex.EncodeToString(hash[:])
}

func newRPCProxy(t testing.TB, target string) *rpcProxy {
	t.Helper()
	p := &rpcProxy{}
	p.heal()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var q struct {
			Method string `json:"method"`
		}
		_ = json.Unmarshal(body, &q) // what is no call is the real server's to refuse
		p.mu.Lock()
		rule := p.rule
		p.mu.Unlock()
		rule(&rpcCall{method: q.Method, body: body, w: w, forward: func() []byte { return forward(r, target, body) }})
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	p.url = s.URL
	return p
}

// forward does not use the caller's context: what was sent arrives, although
// the caller has been killed.
func forward(r *http.Request, target string, body []byte) []byte {
	req, err := http.NewRequest(r.Method, target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil
	}
	req.Header = r.Header.Clone()
	resp, err := http.DefaultClient.Do(req)
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

func (p *rpcProxy) behave(rule func(*rpcCall)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule = rule
}

// heal passes everything on.
func (p *rpcProxy) heal() { p.behave(func(c *rpcCall) { c.answer(c.forward()) }) }

// fail answers every call with an HTTP status.
func (p *rpcProxy) fail(status int) { p.behave(func(c *rpcCall) { c.w.WriteHeader(status) }) }

// refuse answers every call that it is too early by a minute. A step whose budget
// is shorter than that parks at its first failure, however slow the machine is.
func (p *rpcProxy) refuse() {
	p.behave(func(c *rpcCall) {
		c.w.Header().Set("Retry-After", "60")
		c.w.WriteHeader(http.StatusServiceUnavailable)
	})
}

// When, in a call, it is held.
const (
	beforeSending = true  // nothing has reached the network, nor ever will
	afterSending  = false // the network has it, the answer is not let out
)

// hold holds the calls of a method. Those that are held come to nothing when
// they are released: whoever called has been killed by then, or has given up.
// After sending, who has given up is not told either what has become of it.
func (p *rpcProxy) hold(t testing.TB, method string, before bool) hold {
	t.Helper()
	released := make(chan struct{})
	var held atomic.Int64
	p.behave(func(c *rpcCall) {
		switch {
		case c.method == method && !before:
			_ = c.forward()
			held.Add(1)
		case c.method == method:
			held.Add(1)
		case c.method != protocol.GetTransactionMethodName || before:
			c.answer(c.forward())
			return
		}
		<-released
		panic(http.ErrAbortHandler) // the documented way to break the connection
	})
	h := hold{t: t, what: "calls of " + method, held: func() int { return int(held.Load()) }}
	h.release = sync.OnceFunc(func() {
		p.heal()
		close(released)
	})
	t.Cleanup(h.release)
	return h
}
