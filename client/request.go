package client

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

// request is one call of the API, however often it is sent.
type request struct {
	method, path string
	query        url.Values
	header       http.Header
	body         any
	// again tells that sending it twice does no more than sending it once.
	again bool
	// wait is what the API was asked to wait for, beside the time of an answer.
	wait time.Duration
}

// ask adds a parameter to the query, unless it is empty.
func (r *request) ask(name, value string) {
	if value == "" {
		return
	}
	if r.query == nil {
		r.query = url.Values{}
	}
	r.query.Set(name, value)
}

// set adds a header, unless it is empty.
func (r *request) set(name, value string) {
	if value == "" {
		return
	}
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(name, value)
}

// number is a parameter as text; zero is none.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// noAnswerError is a request of which nobody knows what became.
type noAnswerError struct{ err error }

func (e *noAnswerError) Error() string { return "no answer: " + e.err.Error() }
func (e *noAnswerError) Unwrap() error { return e.err }

// send sends a request once. The answer is not refused; whoever reads it closes it.
func (c *Client) send(ctx context.Context, by *http.Client, r request, body []byte) (*http.Response, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	token, err := c.token(ctx)
	if err != nil {
		return nil, fmt.Errorf("get a token: %w", err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := by.Do(req)
	if err != nil {
		return nil, &noAnswerError{err}
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		defer resp.Body.Close()
		return nil, c.readProblem(resp)
	}
	return resp, nil
}

// try sends a request once and reads the whole answer.
func (c *Client) try(ctx context.Context, r request, body []byte, into any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout+r.wait)
	defer cancel()
	resp, err := c.send(ctx, c.http, r, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, &noAnswerError{err}
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return nil, fmt.Errorf("read the answer to %s %s, %s: %w", r.method, r.path, resp.Status, err)
	}
	return resp.Header, nil
}

// encode is the body of a request: once for all attempts.
func (r request) encode() ([]byte, error) {
	if r.body == nil {
		return nil, nil
	}
	body, err := json.Marshal(r.body)
	if err != nil {
		return nil, errors.Join(errors.New("encode the request"), err)
	}
	return body, nil
}
