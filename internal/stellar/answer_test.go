package stellar_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
)

// alone is a bench for what needs neither a network nor a database.
func alone() *bench {
	admin := keypair.MustRandom()
	return &bench{clock: &clock{}, journal: noJournal{}, deployer: admin.Seed(), admin: admin}
}

// noJournal is the journal of a deployer that gets to no transaction.
type noJournal struct{ stellar.Journal }

// answering is a deployer whose server gives one answer to everything.
func (b *bench) answering(t *testing.T, answer http.HandlerFunc) *stellar.Deployer {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return b.with(t, func(c *stellar.Config) { c.RPCURL = s.URL + "/v1/k0123456789abcdef?token=t0123456789abcdef" })
}

func rpcErrorOf(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the caller may be gone
	}
}

// TestWhatWasAnsweredIsSaid: an operator reads the code and the words of whoever
// answered, and advice for that; it "does not answer" only where nothing came.
func TestWhatWasAnsweredIsSaid(t *testing.T) {
	t.Parallel()
	b := alone()
	for name, c := range map[string]struct {
		status int
		body   string
		says   []string
		class  tenant.FailureClass
	}{
		"an error of JSON-RPC":        {200, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"internal error: db is closed"}}`, []string{"error -32603: internal error: db is closed", "look into its log"}, ""},
		"one without a code":          {200, `{"jsonrpc":"2.0","id":1,"error":{"message":"starting"}}`, []string{"error 0: starting"}, ""},
		"one that names the method":   {200, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"method not found"}}`, []string{"does not know getNetwork", "error -32601: method not found"}, ""},
		"one about the request":       {200, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"invalid parameters"}}`, []string{"error -32602: invalid parameters", "do not fit together"}, tenant.ClassPermanent},
		"a provider's limit":          {200, `{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"daily request count exceeded"}}`, []string{"limits our requests", "daily request count exceeded"}, tenant.ClassCapacity},
		"a limit in words":            {200, `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"Rate limit reached"}}`, []string{"limits our requests", "error -32000: Rate limit reached"}, tenant.ClassCapacity},
		"a key that is refused":       {200, `{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"Invalid API key"}}`, []string{"refuses us", "error -32001: Invalid API key", "check the key"}, tenant.ClassAuth},
		"an error in an HTTP error":   {500, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"out of memory"}}`, []string{"HTTP 500, error -32603: out of memory"}, ""},
		"a gateway's page":            {502, "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center><hr>nginx</body></html>", []string{"gateway before it", "HTTP 502: 502 Bad Gateway"}, ""},
		"a gateway's line":            {503, "upstream connect error or disconnect/reset before headers", []string{"HTTP 503: upstream connect error"}, ""},
		"a gateway's JSON":            {504, `{"message":"The upstream server is timing out"}`, []string{"HTTP 504: The upstream server is timing out"}, ""},
		"an error without a body":     {500, "", []string{"HTTP 500 Internal Server Error"}, ""},
		"no server at this path":      {404, "<!DOCTYPE html><title>Not Found</title>", []string{"no Stellar RPC server at SOROBAN_RPC_URL", "HTTP 404: Not Found", "whole address"}, ""},
		"no POST":                     {405, `{"error":"method not allowed"}`, []string{"HTTP 405: method not allowed"}, ""},
		"a refusal":                   {403, `{"error":{"message":"project is suspended"}}`, []string{"refuses us", "HTTP 403: project is suspended"}, tenant.ClassAuth},
		"a bill":                      {402, "", []string{"limits our requests", "HTTP 402 Payment Required"}, tenant.ClassCapacity},
		"a limit":                     {429, `{"detail":"50 requests a second"}`, []string{"limits our requests", "HTTP 429: 50 requests a second"}, tenant.ClassCapacity},
		"a page instead of an answer": {200, "<html><head><title>Sign in</title></head></html>", []string{"cannot be read", "Sign in"}, ""},
		"nothing instead of it":       {200, "", []string{"cannot be read"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := b.answering(t, rpcErrorOf(c.status, c.body))
			for _, err := range []error{d.Check(testContext(t)), d.Probe(testContext(t)), d.Setup(testContext(t), nil)} {
				s := stepError(t, err)
				for _, say := range append(c.says, "SOROBAN_RPC_URL") {
					if say == "SOROBAN_RPC_URL" && c.class == tenant.ClassPermanent {
						continue
					}
					require.Contains(t, s.Reason, say)
				}
				require.NotContains(t, s.Reason, "does not answer")
				require.NotContains(t, err.Error(), "does not answer")
				require.Equal(t, c.class, s.Class)
				require.False(t, s.Permanent, "no tenant can help it")
			}
		})
	}
}

// TestAServersWordsAreBoundedAndWithoutKeys: a gateway may repeat the address
// that it was asked, whose path and query are a key at many providers.
func TestAServersWordsAreBoundedAndWithoutKeys(t *testing.T) {
	t.Parallel()
	b := alone()
	d := b.answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("no route\x1b[31m\nto " + r.URL.String() + " " + r.URL.Path + " t0123456789abcdef " + strings.Repeat("and so on ", 1000)))
	})
	err := d.Check(testContext(t))
	s := stepError(t, err)
	require.Contains(t, s.Reason, "HTTP 502: no route")
	require.Less(t, len(s.Reason), 600)
	for _, never := range []string{"0123456789abcdef", "\x1b", "\n"} {
		require.NotContains(t, s.Reason, never)
		require.NotContains(t, err.Error(), never)
	}
}

// TestWhyNothingCame tells a server that is away from one that does not speak
// what it is spoken to in.
func TestWhyNothingCame(t *testing.T) {
	t.Parallel()
	b := alone()
	plain := httptest.NewServer(http.NotFoundHandler())
	secret := httptest.NewTLSServer(http.NotFoundHandler())
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	t.Cleanup(plain.Close)
	t.Cleanup(secret.Close)
	for url, says := range map[string]string{
		gone.URL: "does not answer; check that it runs",
		strings.Replace(plain.URL, "http://", "https://", 1): "does not speak TLS",
		secret.URL: "set SOROBAN_RPC_SSLROOTCERT",
	} {
		d := b.with(t, func(c *stellar.Config) { c.RPCURL = url })
		s := stepError(t, d.Check(testContext(t)))
		require.Contains(t, s.Reason, says)
		require.Contains(t, s.Reason, "SOROBAN_RPC_URL")
	}
}

// TestProgressSaysWhatIsAnswered while a transaction waits for its server.
func TestProgressSaysWhatIsAnswered(t *testing.T) {
	t.Parallel()
	b := ready(t)
	d := b.through(t, newProxy(t, b.url, firstOf(3, protocol.GetTransactionMethodName, func(x *exchange) {
		x.answer([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"db is closed"}}`))
	})))
	var said []string
	_, err := d.Deploy(testContext(t), b.newTenant(t), func(text string) { said = append(said, text) })
	require.NoError(t, err)
	require.Contains(t, strings.Join(said, "\n"), "the Stellar RPC server answers error -32603: db is closed; transaction ")
}
