package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxProblem is more than any problem has, and maxQuote what is shown of an answer
// that is none.
const (
	maxProblem = 64 << 10
	maxQuote   = 200
)

// Error tells what was wrong, with each field, and how to find it in the log.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", p.Status, p.Title)
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	for _, e := range p.Errors {
		b.WriteString("; " + e.Location + ": " + e.Message)
	}
	if p.RequestID != "" {
		b.WriteString(" (request " + p.RequestID + ")")
	}
	return b.String()
}

// IsCode reports whether an error is a problem of this kind.
func IsCode(err error, code Code) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Code == code
}

// readProblem reads the answer to a request that was refused. Of one that is not
// the API's, such as a proxy's page, it keeps the beginning.
func (c *Client) readProblem(resp *http.Response) *Problem {
	p := &Problem{Title: http.StatusText(resp.StatusCode)}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if wrong := json.Unmarshal(body, p); err != nil || wrong != nil || p.Code == "" {
		*p = Problem{Title: http.StatusText(resp.StatusCode), Detail: "the answer is no problem of the API: " + strings.ToValidUTF8(string(body[:min(len(body), maxQuote)]), "")}
	}
	p.Status, p.RetryAfter = resp.StatusCode, retryAfter(resp.Header, c.now())
	return p
}
