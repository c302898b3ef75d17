package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/answers"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// Tags group the operations in the document.
const (
	tagTenants     = "Tenants"
	tagOperations  = "Operations"
	tagEvents      = "Events"
	tagPeople      = "Invitations"
	tagMaintenance = "Maintenance"
	tagIncidents   = "Incidents"
	tagService     = "Service"
	tagFleets      = "Runs on all tenants"
)

// endpoint is a route of the API under /v1.
type endpoint struct {
	id, method, path     string
	tag                  string
	summary, description string
	role                 token.Role
	// status of success; 200 when zero.
	status int
	// problems that this endpoint has beside the common ones.
	problems []Code
	// refused audits a request of somebody who may not make it, about what has
	// the id in the path; nil where nobody has to know.
	refused func(ctx context.Context, id string, who tenant.Caller, why string) error
	// about says what an answer is about, by the id in the path: it may be kept. Nil
	// where none is.
	about func(id string) (answers.Subject, error)
	// slow endpoints see to their own deadlines.
	slow bool
	// streams tells an endpoint that answers with events.
	streams bool
	// pauses tells what a read-only maintenance window refuses.
	pauses bool
	// deprecated is nil as long as the endpoint stays.
	deprecated *deprecation
}

// public is the security of what anybody may ask.
var public = []map[string][]string{}

// commonProblems can come from every endpoint under /v1: of the router, the
// middleware, and of what is behind the API.
var commonProblems = []Code{CodeMalformed, CodeUnauthenticated, CodeForbidden, CodeMethodNotAllowed, CodeInvalid, CodeTooManyRequests, CodeInternal, CodeUnavailable}

// register makes an endpoint of a handler: deadline, errors and document are
// the same for all.
func register[I, O any](s *Server, e endpoint, handle func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: e.id, Method: e.method, Path: e.path, Tags: []string{e.tag}, Summary: e.summary,
		Description:   strings.TrimSpace(e.description + "\n\nNeeds the role " + needed(e.role) + "."),
		DefaultStatus: e.status,
		Security:      []map[string][]string{{schemeBearer: {}}},
		Middlewares:   huma.Middlewares{s.require(e), s.refuseEmpty, s.readJSON, withCaller},
	}
	tagged := !e.streams && (e.method == http.MethodGet || reflect.TypeFor[O]() == reflect.TypeFor[tenantOutput]())
	if tagged {
		op.Middlewares = append(op.Middlewares, s.remember(e))
	}
	if e.deprecated != nil {
		op.Middlewares = slices.Insert(op.Middlewares, 0, e.deprecated.announce)
	}
	codes := slices.Concat(commonProblems, e.problems)
	if e.pauses {
		codes = append(codes, CodeMaintenance)
	}
	if e.method != http.MethodGet {
		codes = append(codes, CodeRequestTimeout, CodeTooLarge, CodeUnsupportedType)
	}
	op.Responses = s.responses(codes)
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		if !e.slow {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, answerWithin)
			defer cancel()
		}
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		noteAnswer(ctx, out)
		s.told(ctx, e, out)
		return out, nil
	})
	s.describeSuccess(e)
	if tagged {
		s.describeTag(e)
	}
	describeQuery(s.operation(e.method, e.path))
	if e.deprecated != nil {
		e.deprecated.describe(s.operation(e.method, e.path))
	}
}

// probe is a route that anybody may ask, and that does not look at what stands
// in the query: some monitors add a parameter to get around caches.
func (s *Server) probe(id, method, path, summary, description string, codes ...Code) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Tags: []string{tagService}, Summary: summary, Description: description,
		Responses: s.responses(append(codes, CodeMethodNotAllowed, CodeInternal)), SkipValidateParams: true, Security: public,
	}
}

// responses documents problems, each status once with an example for each of
// its codes.
func (s *Server) responses(codes []Code) map[string]*huma.Response {
	schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	responses := map[string]*huma.Response{}
	for _, code := range codes {
		k := kinds[code]
		status := strconv.Itoa(k.status)
		r := responses[status]
		if r == nil {
			r = &huma.Response{
				Headers: problemHeaders(code),
				Content: map[string]*huma.MediaType{problemType: {Schema: schema, Examples: map[string]*huma.Example{}}},
			}
			responses[status] = r
		}
		r.Description = strings.TrimSpace(r.Description + " " + k.title + ": `" + string(code) + "`. " + k.help)
		r.Content[problemType].Examples[string(code)] = &huma.Example{Summary: k.title, Value: exampleOf(code)}
	}
	return responses
}

// exampleOf is a problem as it would be sent.
func exampleOf(code Code) map[string]any {
	k := kinds[code]
	example := map[string]any{
		"type": "/docs#" + string(code), "title": k.title, "status": k.status, "code": code,
		"detail": k.help, "requestId": "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11",
	}
	if code == CodeInvalid {
		example["errors"] = []map[string]any{{"location": "body.adminEmail", "message": "must be a plain e-mail address such as ada@hospital.example"}}
	}
	if code == CodeActionRefused {
		example["state"], example["allowedActions"] = "RUNNING", []string{"rollback"}
	}
	if code == CodeOperationOpen {
		example["operationId"], example["state"] = "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11", "RUNNING"
	}
	if code == CodePlanChanged {
		example["planHash"] = "5f1c0a9be2d47788"
	}
	return example
}

func problemHeaders(code Code) map[string]*huma.Param {
	text := func(doc string) *huma.Param {
		return &huma.Param{Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	headers := map[string]*huma.Param{headerRequestID: text("Finds the request in the logs.")}
	if kinds[code].retryAfter > 0 {
		headers["Retry-After"] = text("Seconds after which to try again.")
	}
	if code == CodeUnauthenticated {
		headers["WWW-Authenticate"] = text("How to authenticate.")
	}
	if code == CodeMethodNotAllowed {
		headers["Allow"] = text("The methods that are allowed.")
	}
	return headers
}

// describeSuccess names what huma can't know: the words for the status, and the
// headers that middleware sets.
func (s *Server) describeSuccess(e endpoint) {
	op := s.operation(e.method, e.path)
	status, words := http.StatusOK, "What was asked for."
	if e.status == http.StatusAccepted {
		status, words = e.status, "Accepted; the operation goes on by itself."
	}
	r := op.Responses[strconv.Itoa(status)]
	r.Description = words
	if e.streams {
		s.describeStream(op, r)
	}
	for name, doc := range map[string]string{
		headerRequestID:       "Finds the request in the logs.",
		"RateLimit-Limit":     "How many requests may come at once after a pause.",
		"RateLimit-Remaining": "How many of them are left.",
		"RateLimit-Reset":     "Seconds until all of them are there again.",
	} {
		if r.Headers == nil {
			r.Headers = map[string]*huma.Param{}
		}
		r.Headers[name] = &huma.Param{Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
	}
}

func (s *Server) operation(method, path string) *huma.Operation {
	item := s.api.OpenAPI().Paths[path]
	switch method {
	case http.MethodPost:
		return item.Post
	case http.MethodPut:
		return item.Put
	case http.MethodPatch:
		return item.Patch
	case http.MethodDelete:
		return item.Delete
	}
	return item.Get
}

// encode writes JSON without the line break that encoding/json puts at its end.
func encode(w io.Writer, v any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	_, err := w.Write(bytes.TrimRight(b.Bytes(), "\n"))
	return err
}
