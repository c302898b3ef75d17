package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// Incidents is the part of the control plane that opens, reads and steers incidents.
// *operations.Declared is one.
type Incidents interface {
	Incidents(ctx context.Context) ([]tenant.DeclaredIncident, error)
	// OfBreaker lists those that the circuit breaker opens and closes by itself.
	OfBreaker(ctx context.Context) ([]tenant.Incident, error)
	Incident(ctx context.Context, id tenant.DeclaredID) (tenant.DeclaredIncident, error)
	Timeline(ctx context.Context, id tenant.DeclaredID) (tenant.DeclaredIncident, []tenant.TimelineEntry, error)
	Open(ctx context.Context, i tenant.DeclaredIncident, c tenant.DeclaredChange, who tenant.Caller) (tenant.DeclaredIncident, error)
	// Change refuses with *tenant.DeclaredRefusedError.
	Change(ctx context.Context, id tenant.DeclaredID, c tenant.DeclaredChange, who tenant.Caller) (tenant.DeclaredIncident, error)
	// Alerted notes what Alertmanager sends, each alert once.
	Alerted(ctx context.Context, g tenant.AlertGroup, who tenant.Caller) (tenant.AlertReceipt, error)
	// Refused audits a change that was refused before it came to Change.
	Refused(ctx context.Context, id tenant.DeclaredID, a tenant.DeclaredAction, who tenant.Caller, why string) error
}

// DeclaredIncident is an incident that people respond to, as the API shows it.
type DeclaredIncident struct {
	ID         string                  `json:"id" doc:"The incident's id." example:"INC-000012"`
	State      tenant.DeclaredState    `json:"state" doc:"Where it stands."`
	Title      string                  `json:"title" doc:"What it is, for staff." example:"Mails are late"`
	Severity   tenant.IncidentSeverity `json:"severity" doc:"How bad it is."`
	Components []tenant.Component      `json:"components" nullable:"false" doc:"What of the status page is disturbed."`
	OpenedBy   string                  `json:"openedBy" doc:"Who has declared it."`
	OpenedAt   time.Time               `json:"openedAt" doc:"When it was declared."`
	Step       tenant.ResponseStep     `json:"step,omitempty" doc:"The step of the response that is to be done now; absent when all are."`
	Seconds    int                     `json:"seconds" doc:"How long it has lasted, from detection to resolution or until now."`
	Clock      []ResponseTime          `json:"clock" nullable:"false" doc:"How each step of the response has gone."`
	Updates    []IncidentUpdate        `json:"updates,omitempty" nullable:"false" doc:"What was said and done, in order; absent from a list."`
	Alerts     []IncidentAlert         `json:"alerts,omitempty" nullable:"false" doc:"The alerts that belong to it; absent from a list."`
}

// ResponseTime is how one step of the response went.
type ResponseTime struct {
	Step   tenant.ResponseStep `json:"step" doc:"Which step."`
	DoneAt time.Time           `json:"doneAt,omitzero" doc:"When it was done."`
	Due    time.Time           `json:"due,omitzero" doc:"When it is to be done; absent where nothing bounds it."`
	Late   bool                `json:"late" doc:"Whether it was done after that, or is not done and that has passed."`
}

// IncidentUpdate is what was said and done about an incident.
type IncidentUpdate struct {
	Kind    tenant.UpdateKind     `json:"kind" doc:"What it tells of."`
	At      time.Time             `json:"at" doc:"When."`
	Actor   string                `json:"actor" doc:"Who."`
	Message string                `json:"message" doc:"What, for staff."`
	Public  string                `json:"public,omitempty" doc:"What the status page tells."`
	Done    []tenant.ResponseStep `json:"done,omitempty" nullable:"false" doc:"The steps that it did."`
}

// IncidentAlert is an alert of Alertmanager that belongs to an incident.
type IncidentAlert struct {
	Fingerprint string    `json:"fingerprint" doc:"Names it in Alertmanager."`
	Name        string    `json:"name" doc:"The alert's name." example:"MailFails"`
	Summary     string    `json:"summary,omitempty" doc:"What it says."`
	StartsAt    time.Time `json:"startsAt" doc:"Since when it fires."`
	EndsAt      time.Time `json:"endsAt,omitzero" doc:"Until when it did."`
}

// BreakerIncident is a dependency that fails for many at once.
type BreakerIncident struct {
	ID         int64             `json:"id" doc:"The incident's number." example:"7"`
	Dependency tenant.Dependency `json:"dependency" doc:"What fails."`
	Cause      string            `json:"cause" doc:"The reason of the failure that opened it."`
	Affected   int               `json:"affected" doc:"How many operations had failed, or were under way, when it was opened."`
	OpenedAt   time.Time         `json:"openedAt" doc:"When it was opened."`
	ClosedAt   time.Time         `json:"closedAt,omitzero" doc:"When a probe closed it."`
	Reopened   int               `json:"reopened" doc:"How often the failures came back."`
}

// IncidentList is both kinds.
type IncidentList struct {
	Items   []DeclaredIncident `json:"items" nullable:"false" doc:"The newest 100 that people or Alertmanager have declared, those that are not closed first."`
	Breaker []BreakerIncident  `json:"breaker" nullable:"false" doc:"The newest 100 that the circuit breaker has opened, open ones first: they hold work, and close by themselves."`
}

func viewDeclared(i tenant.DeclaredIncident, now time.Time) DeclaredIncident {
	v := DeclaredIncident{
		ID: i.ID.String(), State: i.State(), Title: i.Title, Severity: i.Severity, Components: i.Components,
		OpenedBy: i.OpenedBy, OpenedAt: i.OpenedAt.UTC(), Step: i.Step(), Seconds: int(i.Lasted(now).Seconds()),
	}
	for _, c := range i.Clock(now) {
		v.Clock = append(v.Clock, ResponseTime{Step: c.Step, DoneAt: c.DoneAt.UTC(), Due: c.Due.UTC(), Late: c.Late})
	}
	for _, u := range i.Updates {
		v.Updates = append(v.Updates, IncidentUpdate{Kind: u.Kind, At: u.At.UTC(), Actor: u.Actor, Message: u.Message, Public: u.Public, Done: u.Done})
	}
	for _, a := range i.Alerts {
		v.Alerts = append(v.Alerts, IncidentAlert{Fingerprint: a.Fingerprint, Name: a.Name, Summary: a.Summary, StartsAt: a.StartsAt.UTC(), EndsAt: a.EndsAt.UTC()})
	}
	return v
}

type incidentsOutput struct{ Body IncidentList }

type incidentOutput struct{ Body DeclaredIncident }

// IncidentPath names an incident.
type IncidentPath struct {
	ID string `path:"id" doc:"The incident's id." example:"INC-000012"`

	id tenant.DeclaredID
}

// Resolve checks what the schema cannot say.
func (i *IncidentPath) Resolve(huma.Context) []error {
	id, err := tenant.ReadDeclaredID(i.ID)
	i.id = id
	return details("path", err)
}

// newIncident is an incident that is declared.
type newIncident struct {
	Title      string                  `json:"title" minLength:"1" maxLength:"100" doc:"What it is, in a line, for staff." example:"Mails are late"`
	Severity   tenant.IncidentSeverity `json:"severity" doc:"How bad it is."`
	Components []tenant.Component      `json:"components,omitempty" nullable:"false" doc:"What of the status page is disturbed; needed where the public is told." example:"[\"mail\"]"`
	DetectedAt *time.Time              `json:"detectedAt,omitempty" doc:"When it was noticed, which begins the clock; now, if left out."`
	Message    string                  `json:"message" minLength:"1" doc:"What is known, in a line of up to 500 characters, for staff and the audit log. It is kept in clear: no personal data, no secrets." example:"customers call, ticket 4711"`
	Public     string                  `json:"public,omitempty" maxLength:"1000" doc:"What the status page tells, from then on; nothing, if left out. It may name no tenant, person or id." example:"E-mails arrive with delay. None is lost."`
}

type openIncidentInput struct{ Body newIncident }

func (i *openIncidentInput) domain() (d tenant.DeclaredIncident, c tenant.DeclaredChange) {
	d.Title = i.Body.Title
	if i.Body.DetectedAt != nil {
		d.DetectedAt = *i.Body.DetectedAt
	}
	return d, tenant.DeclaredChange{Message: i.Body.Message, Public: i.Body.Public, Severity: i.Body.Severity, Components: i.Body.Components}
}

// incidentChange is what is new of an incident.
type incidentChange struct {
	Message    string                  `json:"message" minLength:"1" doc:"What was seen or done, in a line of up to 500 characters, for staff and the audit log. It is kept in clear: no personal data, no secrets." example:"the provider has an outage, ticket 4711"`
	Public     string                  `json:"public,omitempty" maxLength:"1000" doc:"What the status page tells; nothing new, if left out. It may name no tenant, person or id." example:"The provider works on it."`
	Done       tenant.ResponseStep     `json:"done,omitempty" doc:"The step of the response that is done with it, and those before it: assessment, mitigation, verification or postmortem."`
	Severity   tenant.IncidentSeverity `json:"severity,omitempty" doc:"How bad it is by now; as before, if left out."`
	Components []tenant.Component      `json:"components,omitempty" nullable:"false" doc:"What of the status page is disturbed by now; as before, if left out."`
}

type incidentChangeInput struct {
	IncidentPath
	Body incidentChange
}

// incidentEnd is what is said of an incident that is over, or is not.
type incidentEnd struct {
	Message string `json:"message" minLength:"1" doc:"What was done, or is not over, in a line of up to 500 characters, for staff and the audit log." example:"the provider has mended it, ticket 4711"`
	Public  string `json:"public,omitempty" maxLength:"1000" doc:"What the status page tells; nothing new, if left out." example:"All mails have arrived."`
}

type incidentEndInput struct {
	IncidentPath
	Body incidentEnd
}

// TimelineEntry is what happened at a time.
type TimelineEntry struct {
	At     time.Time             `json:"at" doc:"When."`
	Source tenant.TimelineSource `json:"source" doc:"Where it comes from: message, alert, audit, operation, breaker, workers; more may come." example:"audit"`
	Actor  string                `json:"actor,omitempty" doc:"Who did it; absent where nobody did."`
	Text   string                `json:"text" doc:"What happened, for staff."`
	Public string                `json:"public,omitempty" doc:"What the status page told."`
}

// Timeline is all that happened.
type Timeline struct {
	Items []TimelineEntry `json:"items" nullable:"false" doc:"In order."`
}

type timelineOutput struct{ Body Timeline }

func (s *Server) timeline(ctx context.Context, in *IncidentPath) (*timelineOutput, error) {
	_, all, err := s.incidents.Timeline(ctx, in.id)
	if err != nil {
		return nil, err
	}
	out := &timelineOutput{Body: Timeline{Items: make([]TimelineEntry, len(all))}}
	for n, e := range all {
		out.Body.Items[n] = TimelineEntry{At: e.At.UTC(), Source: e.Source, Actor: e.Actor, Text: e.Text, Public: e.Public}
	}
	return out, nil
}

func (s *Server) registerIncidents() {
	register(s, endpoint{
		id: "list-incidents", method: http.MethodGet, path: "/v1/incidents", tag: tagIncidents, role: token.RoleViewer,
		summary: "List incidents", description: "Those that people respond to, and those of the circuit breaker.",
	}, s.listIncidents)
	register(s, endpoint{
		id: "get-incident", method: http.MethodGet, path: "/v1/incidents/{id}", tag: tagIncidents, role: token.RoleViewer,
		summary: "Read an incident", description: "With what was said and done, its alerts, and the clock of the response.", problems: []Code{CodeNotFound},
	}, func(ctx context.Context, in *IncidentPath) (*incidentOutput, error) {
		return s.incident(s.incidents.Incident(ctx, in.id))
	})
	register(s, endpoint{
		id: "get-incident-timeline", method: http.MethodGet, path: "/v1/incidents/{id}/timeline", tag: tagIncidents, role: token.RoleOperator,
		summary:     "Read the timeline of an incident",
		description: "What was said of it, its alerts, and what happened in the installation from a quarter of an hour before its detection until it was verified: the audit log, what failed, incidents of the breaker, outages of the workers. What is alike within a minute is one entry; at most 1,000, the latest.",
		problems:    []Code{CodeNotFound},
	}, s.timeline)
	register(s, endpoint{
		id: "open-incident", method: http.MethodPost, path: "/v1/incidents", tag: tagIncidents, role: token.RoleOperator,
		summary: "Declare an incident", description: "It begins the clock of the response. Nothing of the platform changes by it. Every well-formed request is audited, refused ones too.",
		refused: func(ctx context.Context, _ string, who tenant.Caller, why string) error {
			return s.incidents.Refused(ctx, 0, tenant.ActionOpenIncident, who, why)
		},
	}, func(ctx context.Context, in *openIncidentInput) (*incidentOutput, error) {
		i, c := in.domain()
		return s.incident(s.incidents.Open(ctx, i, c, caller(ctx)))
	})
	register(s, s.incidentEndpoint(tenant.ActionUpdateIncident, "Tell what is new of an incident", "And which step of the response is done."),
		func(ctx context.Context, in *incidentChangeInput) (*incidentOutput, error) {
			return s.incident(s.incidents.Change(ctx, in.id, tenant.DeclaredChange{
				Action: tenant.ActionUpdateIncident, Message: in.Body.Message, Public: in.Body.Public,
				Done: in.Body.Done, Severity: in.Body.Severity, Components: in.Body.Components,
			}, caller(ctx)))
		})
	s.registerAlerts()
	s.registerIncidentEnd(tenant.ActionResolveIncident, "Resolve an incident", "What disturbed has ended, with its cause. The verification comes next.")
	s.registerIncidentEnd(tenant.ActionReopenIncident, "Open an incident again", "Where the verification shows that it is not over.")
}

func (s *Server) registerIncidentEnd(action tenant.DeclaredAction, summary, description string) {
	register(s, s.incidentEndpoint(action, summary, description), func(ctx context.Context, in *incidentEndInput) (*incidentOutput, error) {
		return s.incident(s.incidents.Change(ctx, in.id, tenant.DeclaredChange{Action: action, Message: in.Body.Message, Public: in.Body.Public}, caller(ctx)))
	})
}

func (s *Server) incidentEndpoint(action tenant.DeclaredAction, summary, description string) endpoint {
	return endpoint{
		id: string(action) + "-incident", method: http.MethodPost, path: "/v1/incidents/{id}/" + string(action), tag: tagIncidents, role: token.RoleOperator,
		summary: summary, description: description + " Every well-formed request about an incident that exists is audited, refused ones too.",
		problems: []Code{CodeNotFound, CodeConflict},
		refused: func(ctx context.Context, text string, who tenant.Caller, why string) error {
			id, err := tenant.ReadDeclaredID(text)
			if err != nil {
				return nil //nolint:nilerr // it names nothing
			}
			return s.incidents.Refused(ctx, id, action, who, why)
		},
	}
}

func (s *Server) listIncidents(ctx context.Context, _ *struct{}) (*incidentsOutput, error) {
	declared, err := s.incidents.Incidents(ctx)
	if err != nil {
		return nil, err
	}
	breaker, err := s.incidents.OfBreaker(ctx)
	if err != nil {
		return nil, err
	}
	out := &incidentsOutput{Body: IncidentList{Items: make([]DeclaredIncident, len(declared)), Breaker: make([]BreakerIncident, len(breaker))}}
	for n, i := range declared {
		out.Body.Items[n] = viewDeclared(i, s.now())
	}
	for n, i := range breaker {
		out.Body.Breaker[n] = BreakerIncident{
			ID: i.ID, Dependency: i.Dependency, Cause: i.Cause, Affected: i.Affected, OpenedAt: i.OpenedAt.UTC(), ClosedAt: i.ClosedAt.UTC(), Reopened: i.Reopened,
		}
	}
	return out, nil
}

func (s *Server) incident(i tenant.DeclaredIncident, err error) (*incidentOutput, error) {
	if err != nil {
		return nil, err
	}
	return &incidentOutput{Body: viewDeclared(i, s.now())}, nil
}
