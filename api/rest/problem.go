package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/labstack/echo/v4"

	"tenant-provisioning/internal/tenant"
)

const problemType = "application/problem+json"

// Problem is the body of every answer that is an error: RFC 9457 with
// members of our own.
type Problem struct {
	Type      string         `json:"type" format:"uri-reference" doc:"Where this kind of problem is explained." example:"/docs#name-taken"`
	Title     string         `json:"title" doc:"The kind of problem in words. It is the same each time." example:"The name is taken"`
	Status    int            `json:"status" minimum:"400" maximum:"599" doc:"The HTTP status of the answer." example:"409"`
	Detail    string         `json:"detail,omitempty" doc:"What is wrong with this request, and what to do." example:"Another tenant has this name."`
	Code      Code           `json:"code" doc:"The kind of problem, for programs." example:"name-taken"`
	RequestID string         `json:"requestId,omitempty" doc:"Finds the request in the logs; the header X-Request-Id of the answer says the same." example:"01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"`
	Errors    []FieldProblem `json:"errors,omitempty" nullable:"false" doc:"What is wrong with each part of the request."`
	State     tenant.State   `json:"state,omitempty" doc:"Where the operation is that refused an action, or that is in the way." example:"RUNNING"`
	// TenantStatus is set where the tenant's status has refused an operation.
	TenantStatus tenant.Status   `json:"tenantStatus,omitempty" doc:"The tenant's status, where that has refused the request." example:"ACTIVE"`
	Allowed      []tenant.Action `json:"allowedActions,omitzero" required:"false" nullable:"false" doc:"What may be done instead, with the operation or with the tenant." example:"[\"retry\"]"`
	// OperationID is set where another operation is in the way.
	OperationID tenant.OperationID `json:"operationId,omitempty" format:"uuid" doc:"The open operation that is in the way." example:"01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"`
	Until       *time.Time         `json:"until,omitempty" doc:"When the maintenance that has refused the request ends, as announced." example:"2026-12-13T04:00:00Z"`
	PlanHash    string             `json:"planHash,omitempty" doc:"The hash of the present plan of a rollback that was refused because the plan has changed." example:"5f1c0a9be2d47788"`

	header http.Header
}

// FieldProblem is what is wrong with one part of a request.
type FieldProblem struct {
	Location string `json:"location" doc:"The part: body, query, path or header, and its name." example:"body.adminEmail"`
	Message  string `json:"message" doc:"What is expected." example:"must be a plain e-mail address such as ada@hospital.example"`
}

// Error, GetStatus, GetHeaders and ContentType make a problem an error that
// huma knows how to send.
func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are the headers that belong to the problem.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType is that of a problem.
func (p *Problem) ContentType(string) string { return problemType }

// newProblem makes a problem of a kind that the table knows.
func newProblem(code Code, detail string) *Problem {
	k := kinds[code]
	p := &Problem{Type: "/docs#" + string(code), Title: k.title, Status: k.status, Detail: detail, Code: code, header: http.Header{}}
	if k.retryAfter > 0 {
		p.retryAfter(k.retryAfter)
	}
	return p
}

// retryAfter tells the earliest useful time for the next request, in whole
// seconds, at least one.
func (p *Problem) retryAfter(d time.Duration) {
	p.header.Set("Retry-After", seconds(d))
}

func seconds(d time.Duration) string {
	return fmt.Sprint(max(1, int64((d+time.Second-1)/time.Second)))
}

// An answer to a bad request has to be small, however bad the request is.
const (
	// maxFieldProblems is how many a person looks at, at most.
	maxFieldProblems = 50
	// maxFieldText is what is shown of a name or a message, in bytes. Our own
	// are shorter.
	maxFieldText = 200
)

// invalid is a request with wrong fields, each at its place. Of a great many it
// tells the first.
func invalid(fields ...FieldProblem) *Problem {
	p := newProblem(CodeInvalid, "The request has wrong values; \"errors\" says which and what is expected.")
	if more := len(fields) - maxFieldProblems; more > 0 {
		fields = fields[:maxFieldProblems]
		p.Detail = fmt.Sprintf("The request has wrong values; \"errors\" has the first %d, and %d more are wrong.", maxFieldProblems, more)
	}
	p.Errors = make([]FieldProblem, len(fields))
	for i, f := range fields {
		p.Errors[i] = FieldProblem{Location: shortened(f.Location), Message: shortened(f.Message)}
	}
	return p
}

// shortened is the beginning of a text that somebody else may have made long.
func shortened(text string) string {
	if len(text) <= maxFieldText {
		return text
	}
	return strings.ToValidUTF8(text[:maxFieldText], "") + "…"
}

// send writes the problem where huma does not: in middleware, and for routes
// that are not there.
func (p *Problem) send(c echo.Context) error {
	if c.Response().Committed {
		return nil
	}
	p.RequestID = requestID(c)
	for name, values := range p.header {
		c.Response().Header()[name] = values
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode a problem: %w", err)
	}
	return c.Blob(p.Status, problemType, body)
}

// finish turns what huma says about a request into a problem, and puts the
// request's id into every problem.
func finish(ctx huma.Context, _ string, body any) (any, error) {
	switch v := body.(type) {
	case *huma.ErrorModel:
		p := fromHuma(v)
		p.RequestID = requestID(humaecho.Unwrap(ctx))
		return p, nil
	case *Problem:
		p := *v
		p.RequestID = requestID(humaecho.Unwrap(ctx))
		return &p, nil
	}
	return body, nil
}

// fromHuma keeps where and what, and drops the values: whoever sent them knows
// them, and nobody else must.
func fromHuma(e *huma.ErrorModel) *Problem {
	if e.Status != http.StatusUnprocessableEntity {
		return newProblem(codeOf(e.Status), e.Detail)
	}
	var fields []FieldProblem
	known := map[string]bool{}
	for _, d := range e.Errors {
		f := FieldProblem{Location: d.Location, Message: d.Message}
		if name, ok := missing(d.Message); ok {
			f = FieldProblem{Location: strings.TrimSuffix(d.Location+"."+name, "."), Message: "is required"}
		}
		// The first word about a field counts: the checks of the domain come
		// after those of the schema and would say the same again.
		if !known[f.Location] {
			known[f.Location] = true
			fields = append(fields, f)
		}
	}
	return invalid(fields...)
}

// missing reads the name of a required field out of huma's message.
func missing(message string) (string, bool) {
	before, after, _ := strings.Cut(validation.MsgExpectedRequiredProperty, "%s")
	if !strings.HasPrefix(message, before) || !strings.HasSuffix(message, after) || len(message) < len(before)+len(after) {
		return "", false
	}
	return message[len(before) : len(message)-len(after)], true
}
