package stellar

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// maxAnswer bounds what is read of an answer. A transaction's is below 1 MB.
	maxAnswer = 16 << 20
	// idleConnections fits a worker's concurrent deployments; net/http keeps
	// two, and would connect anew for nearly every request.
	idleConnections = 64
)

// rpcClient speaks JSON-RPC to a Stellar RPC server. The SDK's own client
// ignores the context while it sends, and any error makes it replace the
// connection that all its callers share.
type rpcClient struct {
	url     string
	http    *http.Client
	timeout time.Duration
}

// rpcError is a request without an answer, or one that the server refused. It
// never holds the server's URL, which may carry a key.
type rpcError struct {
	method string
	// status is the HTTP status; 0 when no answer came.
	status int
	// code is JSON-RPC's; 0 when the answer was none.
	code       int
	message    string
	retryAfter time.Duration
	err        error
}

// codeInvalidParams is JSON-RPC's, and the server's for XDR that it cannot
// read.
const codeInvalidParams = -32602

func (e *rpcError) Error() string {
	switch {
	case e.code != 0:
		return fmt.Sprintf("%s: the Stellar RPC server answered error %d: %s", e.method, e.code, e.message)
	case e.status != 0:
		return fmt.Sprintf("%s: the Stellar RPC server answered HTTP %d", e.method, e.status)
	}
	return fmt.Sprintf("%s: the Stellar RPC server does not answer: %v", e.method, e.err)
}

func (e *rpcError) Unwrap() error { return e.err }

func newHTTPClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented to be one
	t.MaxIdleConnsPerHost = idleConnections
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

// call asks the server. Every error but the context's is an *rpcError.
func call[T any](ctx context.Context, c *rpcClient, method string, params any) (T, error) {
	var out rpcResponse[T]
	fail := func(e rpcError) (T, error) {
		if ctx.Err() != nil {
			return out.Result, ctx.Err()
		}
		e.method = method
		return out.Result, &e
	}
	body, err := json.Marshal(rpcRequest{Version: "2.0", ID: 1, Method: method, Params: params})
	if err != nil {
		return fail(rpcError{err: err})
	}
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return fail(rpcError{err: withoutURL(err)})
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return fail(rpcError{err: withoutURL(err)})
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fail(rpcError{err: fmt.Errorf("read the answer: %w", err)})
	}
	if resp.StatusCode != http.StatusOK {
		return fail(rpcError{status: resp.StatusCode, retryAfter: retryAfter(resp.Header)})
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return fail(rpcError{err: errors.New("the answer is not JSON-RPC; does SOROBAN_RPC_URL lead to a Stellar RPC server?")})
	}
	if out.Error != nil {
		return fail(rpcError{code: out.Error.Code, message: out.Error.Message})
	}
	return out.Result, nil
}

// withoutURL takes off the URL that net/http puts before its errors.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, time.Minute)
}
