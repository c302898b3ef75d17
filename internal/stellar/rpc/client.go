package rpc

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"tenant-provisioning/internal/observe"
)

const (
	// maxAnswer bounds what is read of an answer. A transaction's is below 1 MB.
	maxAnswer = 16 << 20
	// idleConnections fits a worker's concurrent deployments; net/http keeps
	// two, and would connect anew for nearly every request.
	idleConnections = 64
)

// Client speaks JSON-RPC to a Stellar RPC server. The SDK's own client
// ignores the context while it sends, and any error makes it replace the
// connection that all its callers share.
type Client struct {
	cfg       Config
	confirmed atomic.Bool
}

// Config says which server is asked, and how patiently.
type Config struct {
	// URL may carry a key (SOROBAN_RPC_URL).
	URL string
	// Passphrase names the network that the server must be of.
	Passphrase string
	HTTP       *http.Client
	// Timeout bounds one request.
	Timeout time.Duration
	// PollInterval is the longest pause between two questions of one wait.
	PollInterval time.Duration
	Clock        func() time.Time
	// Metrics counts the requests. Nil: nobody does.
	Metrics *observe.Ledger
}

// New makes a client. The server need not be there.
func New(cfg Config) *Client { return &Client{cfg: cfg} }

// Error is a request without an answer, or one that the server refused. It
// never holds the server's URL, which may carry a key.
type Error struct {
	method string
	// status is the HTTP status; 0 when no answer came, or one of 200.
	status int
	// answered tells an error of JSON-RPC, with its code.
	answered bool
	code     int
	// message is the server's own, as words gives it.
	message    string
	retryAfter time.Duration
	// garbled tells that something answered that is no Stellar RPC server, or
	// not one that we understand.
	garbled bool
	err     error
}

func (e *Error) Error() string {
	switch {
	case e.garbled:
		return fmt.Sprintf("%s: the Stellar RPC server's answer cannot be read: %v", e.method, e.err)
	case e.status != 0 || e.answered:
		return fmt.Sprintf("%s: the Stellar RPC server answered %s", e.method, e.said())
	}
	return fmt.Sprintf("%s: the Stellar RPC server does not answer: %v", e.method, e.err)
}

func (e *Error) Unwrap() error { return e.err }

// NewHTTPClient makes a client with a pool of its own. verify sees each connection with
// TLS; nil: nobody does.
func NewHTTPClient(roots *x509.CertPool, verify func(tls.ConnectionState) error) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented to be one
	t.MaxIdleConnsPerHost = idleConnections
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, VerifyConnection: verify}
	return &http.Client{Transport: t}
}

type rpcRequest struct {
	Version string `json:"jsonrpc"`
	ID      int    `json:"id"`
	Method  string `json:"method"`
	Params  any    `json:"params,omitempty"`
}

type rpcResponse[T any] struct {
	Result T `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// Call asks the server. Every error but the context's is an *Error. Its span has the
// method alone: the URL may hold a key.
func Call[T any](ctx context.Context, c *Client, method string, params any) (T, error) {
	ctx, span := otel.Tracer("rpc").Start(ctx, "rpc "+method, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	began := time.Now()
	answer, err := call[T](ctx, c, method, params)
	c.cfg.Metrics.Asked(method, outcome(err), time.Since(began))
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	return answer, err
}

func call[T any](ctx context.Context, c *Client, method string, params any) (T, error) {
	var out rpcResponse[T]
	fail := func(e Error) (T, error) {
		if ctx.Err() != nil {
			return out.Result, ctx.Err()
		}
		e.method = method
		return out.Result, &e
	}
	body, err := json.Marshal(rpcRequest{Version: "2.0", ID: 1, Method: method, Params: params})
	if err != nil {
		return fail(Error{err: err})
	}
	limited, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, http.MethodPost, c.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return fail(Error{err: withoutURL(err)})
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return fail(Error{err: withoutURL(err)})
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fail(Error{err: fmt.Errorf("read the answer: %w", err)})
	}
	if resp.StatusCode != http.StatusOK {
		return fail(c.refused(resp, raw))
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return fail(Error{garbled: true, err: fmt.Errorf("it is not JSON-RPC: %q", c.words(raw))})
	}
	if out.Error != nil {
		return fail(Error{answered: true, code: out.Error.Code, message: c.plain(out.Error.Message)})
	}
	if !complete(out.Result) {
		return fail(Error{garbled: true, err: errors.New("it lacks what every answer to this question has")})
	}
	return out.Result, nil
}

// refused is an answer with another status than 200, whoever has given it: a
// server that puts its errors into it, a gateway, or something else altogether.
func (c *Client) refused(resp *http.Response, raw []byte) Error {
	e := Error{status: resp.StatusCode, retryAfter: retryAfter(resp.Header, c.cfg.Clock()), message: c.words(raw)}
	var body rpcResponse[json.RawMessage]
	if json.Unmarshal(raw, &body) == nil && body.Error != nil && body.Error.Code != 0 {
		e.answered, e.code = true, body.Error.Code
	}
	return e
}

// complete reports whether an answer has what every answer of its method has.
// What a proxy says instead, such as {}, would otherwise mean "another network"
// or "not on the ledger".
func complete(answer any) bool {
	switch a := answer.(type) {
	case protocol.GetNetworkResponse:
		return a.Passphrase != ""
	case protocol.GetFeeStatsResponse:
		return a.LatestLedger != 0
	case protocol.GetLedgerEntriesResponse:
		return a.LatestLedger != 0
	case protocol.SimulateTransactionResponse:
		return a.LatestLedger != 0 || a.Error != ""
	case protocol.SendTransactionResponse:
		return a.Status != "" && a.Hash != ""
	case protocol.GetTransactionResponse:
		return a.Status != "" && a.LatestLedger != 0
	}
	return true
}

// Garbled is an answer whose XDR cannot be read.
func Garbled(method string, err error) error {
	return &Error{method: method, garbled: true, err: err}
}

// withoutURL takes off the URL that net/http puts before its errors.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// longestPause is the longest that a server's Retry-After is kept to.
const longestPause = 10 * time.Minute

// retryAfter is the pause that a server asks for, in seconds or until a date; zero where
// it asks for none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text, pause := h.Get("Retry-After"), time.Duration(0)
	if seconds, err := strconv.Atoi(text); err == nil {
		pause = time.Duration(min(seconds, int(longestPause/time.Second))) * time.Second
	} else if until, err := http.ParseTime(text); err == nil {
		pause = until.Sub(now)
	}
	return min(max(pause, 0), longestPause)
}

// RetryAfter is the pause that the server has asked for with its refusal; zero where it
// has asked for none.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.retryAfter
	}
	return 0
}
