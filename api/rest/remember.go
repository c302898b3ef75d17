package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"tenant-provisioning/internal/answers"
	"tenant-provisioning/internal/tenant"
)

// recorded is an answer that has not been sent.
type recorded struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header         { return r.header }
func (r *recorded) WriteHeader(status int)      { r.status = status }
func (r *recorded) Write(p []byte) (int, error) { return r.body.Write(p) }

// record runs a handler and keeps what it answers.
func record(ctx huma.Context, next func(huma.Context)) *recorded {
	c := humaecho.Unwrap(ctx)
	to := c.Response()
	r := &recorded{header: http.Header{}}
	c.SetResponse(echo.NewResponse(r, c.Echo()))
	defer c.SetResponse(to)
	next(ctx)
	return r
}

// kept is a good answer as it is kept: a line for each of two headers, and the body.
type kept struct {
	etag, retryAfter string
	body             []byte
}

func (k kept) encode() []byte { return fmt.Appendf(nil, "%s\n%s\n%s", k.etag, k.retryAfter, k.body) }

func decodeKept(value []byte) (k kept) {
	etag, rest, _ := bytes.Cut(value, []byte("\n"))
	retryAfter, body, _ := bytes.Cut(rest, []byte("\n"))
	return kept{etag: string(etag), retryAfter: string(retryAfter), body: body}
}

// remember gives answers their tags, answers 304 to whoever has the same already, and
// answers what repeats with what is kept.
func (s *Server) remember(e endpoint) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		var other *recorded // an answer that is not good
		a := s.answer(ctx, e, func() answers.Answer {
			r := record(ctx, next)
			if r.status != http.StatusOK {
				other = r
				return answers.Answer{}
			}
			k := kept{etag: tagOf(r), retryAfter: r.header.Get("Retry-After"), body: r.body.Bytes()}
			return answers.Answer{Value: k.encode(), Good: true}
		})
		c := humaecho.Unwrap(ctx)
		if !a.Good {
			other.send(c)
			return
		}
		decodeKept(a.Value).send(c)
	}
}

// answer asks, or finds what is kept, where that may be.
func (s *Server) answer(ctx huma.Context, e endpoint, ask func() answers.Answer) answers.Answer {
	q, repeats := s.question(ctx, e)
	if s.answers == nil || !repeats {
		return ask()
	}
	fresh := strings.Contains(strings.ToLower(ctx.Header("Cache-Control")), "no-cache")
	// One deadline for all of it: also those who wait for another's answer, and then
	// ask themselves, hear in time.
	c := humaecho.Unwrap(ctx)
	r := c.Request()
	within, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	c.SetRequest(r.WithContext(within))
	defer c.SetRequest(r)
	return s.answers.Answer(within, q, fresh, ask)
}

// sees is what callers of an endpoint may see: all who have its role see the same. It
// is a part of the key, so that an answer is never given to somebody who may not see
// it; a role that sees less must be told apart here.
const sees = "everything"

// question is what is asked, if it is something that repeats: no long poll, no further
// page.
func (s *Server) question(ctx huma.Context, e endpoint) (q answers.Question, repeats bool) {
	if e.about == nil {
		return q, false
	}
	u := ctx.URL()
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || query.Has("cursor") || query.Has("wait") {
		return q, false
	}
	about, err := e.about(ctx.Param("id"))
	if err != nil {
		return q, false
	}
	return answers.Question{About: about, Key: strings.Join([]string{s.version, sees, e.id, query.Encode()}, "\n")}, true
}

// aboutTenant, aboutOperation and aboutAll say what an answer is about, by the id in
// the path.
func aboutTenant(id string) (answers.Subject, error) {
	found, err := tenant.ReadID(id)
	return answers.Subject{Tenant: found}, err
}

func aboutOperation(id string) (answers.Subject, error) {
	found, err := tenant.ReadOperationID(id)
	return answers.Subject{Operation: found}, err
}

func aboutAll(string) (answers.Subject, error) { return answers.Subject{}, nil }

// tagOf is the entity tag of an answer: its hash, behind the version of a tenant where
// a change can be based on one.
func tagOf(r *recorded) string {
	sum := sha256.Sum256(r.body.Bytes())
	hash := hex.EncodeToString(sum[:4])
	if version := strings.Trim(r.header.Get("ETag"), `"`); version != "" {
		return `"` + version + "-" + hash + `"`
	}
	return `"` + hash + hex.EncodeToString(sum[4:8]) + `"`
}

// send sends an answer as it is.
func (r *recorded) send(c echo.Context) {
	for name, values := range r.header {
		c.Response().Header()[name] = values
	}
	c.Response().WriteHeader(r.status)
	_, _ = c.Response().Write(r.body.Bytes()) // whoever has gone needs none
}

// send sends a good answer, or that there is none but the one that the client has.
func (k kept) send(c echo.Context) {
	h := c.Response().Header()
	h.Set("ETag", k.etag)
	if c.Request().Method == http.MethodGet {
		h.Set("Cache-Control", "private, no-cache")
	}
	if k.retryAfter != "" {
		h.Set("Retry-After", k.retryAfter)
	}
	if c.Request().Method == http.MethodGet && readIfNoneMatch(c.Request().Header).has(k.etag) {
		c.Response().WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", echo.MIMEApplicationJSON)
	c.Response().WriteHeader(http.StatusOK)
	_, _ = c.Response().Write(k.body) // as above
}

// told has no older answer follow one that comes from the database itself: that of a
// change, or of a long poll.
func (s *Server) told(ctx context.Context, e endpoint, out any) {
	switch v := out.(type) {
	case *acceptedOutput:
		s.answers.Told(ctx, v.Body.TenantID, v.Body.ID)
	case *operationOutput:
		if v.waited {
			s.answers.Told(ctx, v.Body.TenantID, v.Body.ID)
		}
	case *tenantOutput:
		if e.method != http.MethodGet {
			s.answers.Told(ctx, v.Body.ID, "")
		}
	}
}

// describeTag says in the document what the middleware does.
func (s *Server) describeTag(e endpoint) {
	op := s.operation(e.method, e.path)
	tag := &huma.Param{Description: "Names this answer, for If-None-Match.", Schema: &huma.Schema{Type: huma.TypeString}}
	if of := op.Responses["200"].Headers["ETag"]; of == nil {
		op.Responses["200"].Headers["ETag"] = tag
	}
	if e.method != http.MethodGet {
		return
	}
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: "If-None-Match", In: "header", Schema: &huma.Schema{Type: huma.TypeString},
		Description: "The ETags of answers that you have: if this one is among them, the answer is 304 without a body.",
	})
	op.Responses["304"] = &huma.Response{Description: "You have this answer already.", Headers: map[string]*huma.Param{"ETag": tag}}
}
