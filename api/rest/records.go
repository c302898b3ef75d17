package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// Records tells what has happened. *operations.Service does.
type Records interface {
	Records(ctx context.Context, q tenant.RecordQuery) (tenant.Page[tenant.Record], error)
}

// recordsSince is how far back an answer goes unless it is asked for more.
const recordsSince = 24 * time.Hour

type recordsInput struct {
	Since    string `query:"since" doc:"Only what has happened since then, in RFC 3339; the last 24 hours where it is left out." example:"2026-11-01T00:00:00Z"`
	Until    string `query:"until" doc:"Only what has happened before; now where it is left out." example:"2026-12-01T00:00:00Z"`
	TenantID string `query:"tenantId" format:"uuid" doc:"Only what is about this tenant."`
	Cursor   string `query:"cursor" maxLength:"200" doc:"The nextCursor of the page before, with the same since, until and tenantId."`
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"200" doc:"How many lines an answer has."`

	tenant       tenant.ID
	since, until time.Time
}

// Resolve checks what the schema cannot say.
func (i *recordsInput) Resolve(huma.Context) []error {
	var errs []error
	if i.TenantID != "" {
		id, err := tenant.ReadID(i.TenantID)
		if err != nil {
			errs = append(errs, &huma.ErrorDetail{Location: "query.tenantId", Message: "must be a UUID"})
		}
		i.tenant = id
	}
	now := time.Now()
	i.since, i.until = now.Add(-recordsSince), now.Add(time.Minute) // the database's clock may be ahead of ours
	for _, p := range []struct {
		name, text string
		into       *time.Time
	}{{"since", i.Since, &i.since}, {"until", i.Until, &i.until}} {
		if p.text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, p.text)
		if err != nil {
			errs = append(errs, &huma.ErrorDetail{Location: "query." + p.name, Message: "must be a time such as 2026-11-30T02:00:00Z"})
			continue
		}
		*p.into = t
	}
	if errs == nil && !i.until.After(i.since) {
		errs = append(errs, &huma.ErrorDetail{Location: "query.until", Message: "must be after since"})
	}
	return errs
}

// Record is a line of what has happened.
type Record struct {
	Source         tenant.RecordSource `json:"source" doc:"The log that it is of."`
	ID             int64               `json:"id" doc:"Tells the line from the others of its log." example:"4711"`
	At             time.Time           `json:"at" doc:"When it was written."`
	Tenant         tenant.ID           `json:"tenantId,omitempty" format:"uuid" doc:"Whom it is about."`
	Operation      tenant.OperationID  `json:"operationId,omitempty" format:"uuid" doc:"Which operation it is about."`
	Step           tenant.Step         `json:"step,omitempty" doc:"The step, of the provisioning log."`
	Status         tenant.StepStatus   `json:"status,omitempty" doc:"What became of it."`
	Attempt        int                 `json:"attempt,omitempty" doc:"The number of the attempt." example:"1"`
	DurationMS     *float64            `json:"durationMs,omitempty" doc:"How long the attempt took, in milliseconds."`
	UndoDurationMS *float64            `json:"undoDurationMs,omitempty" doc:"How long its undo took, in milliseconds."`
	ErrorClass     tenant.FailureClass `json:"errorClass,omitempty" doc:"The sort of the failure."`
	Error          string              `json:"error,omitempty" doc:"The failure in plain words."`
	Passing        bool                `json:"passing,omitempty" doc:"True of a failure that another attempt may mend."`
	Dependency     tenant.Dependency   `json:"dependency,omitempty" doc:"The system that failed."`
	StartedAt      *time.Time          `json:"startedAt,omitempty" doc:"When the attempt began."`
	Actor          string              `json:"actor,omitempty" doc:"Who has asked, of the audit log." example:"ada"`
	ActorClaimed   bool                `json:"actorClaimed,omitempty" doc:"True when nobody has checked who the actor is."`
	Action         string              `json:"action,omitempty" doc:"What was asked for." example:"suspend"`
	Outcome        string              `json:"outcome,omitempty" doc:"accepted, refused, or done." example:"accepted"`
	RequestID      string              `json:"requestId,omitempty" doc:"The request's id, where it had one."`
	Reason         string              `json:"reason,omitempty" doc:"Why it was asked for." example:"ticket 4711"`
	Detail         string              `json:"detail,omitempty" doc:"What else is known."`
	Archived       bool                `json:"archived,omitempty" doc:"True of a line that was read from the backup store."`
}

type recordsOutput struct {
	Body struct {
		Items      []Record `json:"items" nullable:"false" doc:"The earliest first."`
		NextCursor string   `json:"nextCursor,omitempty" doc:"The cursor of the next page; there is none on the last."`
	}
}

func (s *Server) registerRecords() {
	register(s, endpoint{
		id: "list-logs", method: http.MethodGet, path: "/v1/logs", tag: tagEvents, role: token.RoleOperator,
		summary:     "Read the logs",
		description: "What operations did, step by step, and who asked for what: both logs by time, the earliest first, also what has left the database for the backup store. While that is away, or where the api has none, times whose logs lie there answer 503; so does a time that has more logs there than can be read in five seconds: ask for less of it.",
	}, func(ctx context.Context, in *recordsInput) (*recordsOutput, error) {
		q := tenant.RecordQuery{Since: in.since, Until: in.until, Tenant: in.tenant, Cursor: in.Cursor, Limit: in.Limit}
		page, err := s.records.Records(ctx, q)
		if err != nil {
			return nil, err
		}
		out := &recordsOutput{}
		out.Body.Items, out.Body.NextCursor = make([]Record, len(page.Items)), page.NextCursor
		for n, r := range page.Items {
			out.Body.Items[n] = Record(r)
		}
		return out, nil
	})
}
