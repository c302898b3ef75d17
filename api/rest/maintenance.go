package rest

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// Maintenance is the part of the control plane that plans and steers maintenance windows.
// *operations.Service is one.
type Maintenance interface {
	Windows(ctx context.Context) ([]tenant.Window, error)
	Window(ctx context.Context, id tenant.WindowID) (tenant.Window, error)
	PlanWindow(ctx context.Context, w tenant.Window, lasts time.Duration, reason string, who tenant.Caller) (tenant.Window, error)
	// ChangeWindow refuses with *tenant.WindowRefusedError.
	ChangeWindow(ctx context.Context, id tenant.WindowID, c tenant.WindowChange, reason string, who tenant.Caller) (tenant.Window, error)
	// RefusedWindow audits a change that was refused before it came to ChangeWindow.
	RefusedWindow(ctx context.Context, id tenant.WindowID, a tenant.WindowAction, who tenant.Caller, why string) error
	// ReadOnly is the window during which changes are refused; its id is empty when there
	// is none. Every change asks.
	ReadOnly(ctx context.Context) (tenant.Window, error)
}

// gateTimeout bounds the question whether changes are refused: with answerWithin it stays
// below the five seconds in which everybody is answered.
const gateTimeout = 400 * time.Millisecond

// refuseInMaintenance refuses what has to wait until a read-only window is over. Where
// nobody knows of one in time, the request goes on to what it needs anyway; what it has
// accepted then waits for the end of the window.
func (s *Server) refuseInMaintenance(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	w, err := s.maintenance.ReadOnly(ctx)
	if err != nil || w.ID == "" {
		return nil
	}
	ends := w.EndsAt.UTC()
	p := newProblem(CodeMaintenance, fmt.Sprintf("The platform is being maintained until %s. Nothing was changed; send the request again then.", ends.Format(time.RFC3339)))
	p.Until = &ends
	p.retryAfter(ends.Sub(s.now()))
	return p
}

// MaintenanceWindow is a window as the API shows it.
type MaintenanceWindow struct {
	ID             tenant.WindowID       `json:"id" format:"uuid" doc:"The window's id."`
	State          tenant.WindowState    `json:"state" doc:"Where it is."`
	Regular        bool                  `json:"regular" doc:"Whether it is the month's window of MAINTENANCE_WINDOW; others were planned by people."`
	Title          string                `json:"title" doc:"What the public is told of it." example:"Regular maintenance"`
	Message        string                `json:"message,omitempty" doc:"What the public is told besides."`
	Mode           tenant.WindowMode     `json:"mode,omitempty" doc:"What callers may do meanwhile; absent until it is announced, or begins, where MAINTENANCE_MODE decides."`
	StartsAt       time.Time             `json:"startsAt" doc:"When it begins, as announced."`
	EndsAt         time.Time             `json:"endsAt" doc:"When it ends, as announced; an extension moves it."`
	StartedAt      time.Time             `json:"startedAt,omitzero" doc:"When it began."`
	EndedAt        time.Time             `json:"endedAt,omitzero" doc:"When it ended, or was called off."`
	OverrunAt      time.Time             `json:"overrunAt,omitzero" doc:"When it first had not come to an end in time."`
	AnnouncedAt    time.Time             `json:"announcedAt,omitzero" doc:"When people were told of it."`
	Note           string                `json:"note,omitempty" doc:"What came of it."`
	Tasks          []WindowTask          `json:"tasks,omitempty" nullable:"false" doc:"What is done in it, in order; absent from a list."`
	AllowedActions []tenant.WindowAction `json:"allowedActions" nullable:"false" doc:"What may be done with it now."`
}

// WindowTask is one thing that is done in a window.
type WindowTask struct {
	Name      string                 `json:"name" doc:"What is done." example:"vacuum and analyse"`
	Manual    bool                   `json:"manual" doc:"Whether people do it, and tick it."`
	State     tenant.WindowTaskState `json:"state" doc:"How far it is."`
	StartedAt time.Time              `json:"startedAt,omitzero" doc:"When a worker first began it."`
	EndedAt   time.Time              `json:"endedAt,omitzero" doc:"When it ended."`
	Detail    string                 `json:"detail,omitempty" doc:"What was done, why it failed, or who has ticked it."`
}

func viewWindow(w tenant.Window) MaintenanceWindow {
	v := MaintenanceWindow{
		ID: w.ID, State: w.State, Regular: w.Regular, Title: w.Title, Message: w.Message, Mode: w.Mode,
		StartsAt: w.StartsAt.UTC(), EndsAt: w.EndsAt.UTC(), StartedAt: w.StartedAt.UTC(), EndedAt: w.EndedAt.UTC(),
		OverrunAt: w.OverrunAt.UTC(), AnnouncedAt: w.AnnouncedAt.UTC(), Note: w.Note, AllowedActions: w.State.Allowed(),
	}
	for _, t := range w.Tasks {
		v.Tasks = append(v.Tasks, WindowTask{Name: t.Name, Manual: t.Manual, State: t.State, StartedAt: t.StartedAt.UTC(), EndedAt: t.EndedAt.UTC(), Detail: t.Detail})
	}
	return v
}

// Windows are the windows of the last three months and those to come.
type Windows struct {
	Items []MaintenanceWindow `json:"items" nullable:"false" doc:"The earliest first; at most 100, the latest."`
}

type windowsOutput struct{ Body Windows }

type windowOutput struct{ Body MaintenanceWindow }

// WindowPath names a window.
type WindowPath struct {
	ID string `path:"id" format:"uuid" doc:"The window's id."`

	id tenant.WindowID
}

// Resolve checks what the schema cannot say.
func (i *WindowPath) Resolve(huma.Context) []error {
	id, err := tenant.ReadWindowID(i.ID)
	i.id = id
	return details("path", err)
}

// newWindow is a window that a person plans.
type newWindow struct {
	StartsAt *time.Time        `json:"startsAt,omitempty" doc:"When it begins, from now on and within two years; now, if left out."`
	Minutes  int               `json:"minutes" minimum:"1" maximum:"10080" doc:"How long it lasts." example:"120"`
	Title    string            `json:"title" minLength:"1" maxLength:"100" doc:"What the public is told of it, in a line." example:"Move to another data centre"`
	Message  string            `json:"message,omitempty" maxLength:"1000" doc:"What the public is told besides."`
	Mode     tenant.WindowMode `json:"mode,omitempty" doc:"What callers may do meanwhile; as MAINTENANCE_MODE says, if left out."`
	Items    []string          `json:"items,omitempty" maxItems:"20" nullable:"false" doc:"What people do in it, and tick; one that is left open keeps it from ending." example:"[\"Security patches\"]"`
	Reason   string            `json:"reason" minLength:"1" doc:"Why, in up to 500 characters, for the audit log. It is kept in clear: no personal data, no secrets; a ticket's number will do." example:"ticket 4711"`
}

type planInput struct{ Body newWindow }

// Resolve checks what the schema cannot say.
func (i *planInput) Resolve(huma.Context) []error { return checkReason("body", i.Body.Reason) }

func (i *planInput) domain() (w tenant.Window, lasts time.Duration) {
	w = tenant.Window{Title: i.Body.Title, Message: i.Body.Message, Mode: i.Body.Mode, Tasks: tenant.Items(i.Body.Items)}
	if i.Body.StartsAt != nil {
		w.StartsAt = *i.Body.StartsAt
	}
	return w, time.Duration(i.Body.Minutes) * time.Minute
}

// windowAction is a request about a window: what it says of the change.
type windowAction[I any] interface {
	*I
	named() tenant.WindowID
	change() (tenant.WindowChange, string)
}

type plainWindowInput struct {
	WindowPath
	Body reason
}

// Resolve checks what the schema cannot say.
func (i *plainWindowInput) Resolve(ctx huma.Context) []error {
	return append(i.WindowPath.Resolve(ctx), checkReason("body", i.Body.Reason)...)
}

func (i *plainWindowInput) named() tenant.WindowID { return i.id }

func (i *plainWindowInput) change() (tenant.WindowChange, string) { //nolint:unparam // the others change more
	return tenant.WindowChange{}, i.Body.Reason
}

// windowExtension is how much longer a window lasts.
type windowExtension struct {
	Minutes int    `json:"minutes" minimum:"1" maximum:"10080" doc:"How much longer." example:"60"`
	Reason  string `json:"reason" minLength:"1" doc:"Why, in up to 500 characters, for the audit log." example:"ticket 4711"`
}

type extendInput struct {
	WindowPath
	Body windowExtension
}

// Resolve checks what the schema cannot say.
func (i *extendInput) Resolve(ctx huma.Context) []error {
	return append(i.WindowPath.Resolve(ctx), checkReason("body", i.Body.Reason)...)
}

func (i *extendInput) named() tenant.WindowID { return i.id }

func (i *extendInput) change() (tenant.WindowChange, string) {
	return tenant.WindowChange{By: time.Duration(i.Body.Minutes) * time.Minute}, i.Body.Reason
}

// windowMove is when a window is instead.
type windowMove struct {
	StartsAt time.Time `json:"startsAt" doc:"When it begins; it lasts as long as before."`
	Reason   string    `json:"reason" minLength:"1" doc:"Why, in up to 500 characters, for the audit log." example:"ticket 4711"`
}

type moveInput struct {
	WindowPath
	Body windowMove
}

// Resolve checks what the schema cannot say.
func (i *moveInput) Resolve(ctx huma.Context) []error {
	return append(i.WindowPath.Resolve(ctx), checkReason("body", i.Body.Reason)...)
}

func (i *moveInput) named() tenant.WindowID { return i.id }

func (i *moveInput) change() (tenant.WindowChange, string) {
	return tenant.WindowChange{At: i.Body.StartsAt}, i.Body.Reason
}

// windowTick is what was done in a window.
type windowTick struct {
	Item   string `json:"item" minLength:"1" maxLength:"100" doc:"The name of the manual task that is done." example:"Security patches"`
	Reason string `json:"reason" minLength:"1" doc:"What was done, in up to 500 characters, for the audit log." example:"ticket 4711"`
}

type tickInput struct {
	WindowPath
	Body windowTick
}

// Resolve checks what the schema cannot say.
func (i *tickInput) Resolve(ctx huma.Context) []error {
	return append(i.WindowPath.Resolve(ctx), checkReason("body", i.Body.Reason)...)
}

func (i *tickInput) named() tenant.WindowID { return i.id }

func (i *tickInput) change() (tenant.WindowChange, string) {
	return tenant.WindowChange{Item: i.Body.Item}, i.Body.Reason
}

func (s *Server) registerMaintenance() {
	register(s, endpoint{
		id: "list-maintenance-windows", method: http.MethodGet, path: "/v1/maintenance-windows", tag: tagMaintenance, role: token.RoleViewer,
		summary: "List maintenance windows", description: "Those of the last three months, under way and to come.",
	}, func(ctx context.Context, _ *struct{}) (*windowsOutput, error) {
		all, err := s.maintenance.Windows(ctx)
		if err != nil {
			return nil, err
		}
		out := &windowsOutput{Body: Windows{Items: make([]MaintenanceWindow, len(all))}}
		for n, w := range all {
			out.Body.Items[n] = viewWindow(w)
		}
		return out, nil
	})
	register(s, endpoint{
		id: "get-maintenance-window", method: http.MethodGet, path: "/v1/maintenance-windows/{id}", tag: tagMaintenance, role: token.RoleViewer,
		summary: "Read a maintenance window", description: "With what is done in it.", problems: []Code{CodeNotFound},
	}, func(ctx context.Context, in *WindowPath) (*windowOutput, error) {
		return window(s.maintenance.Window(ctx, in.id))
	})
	register(s, endpoint{
		id: "plan-maintenance-window", method: http.MethodPost, path: "/v1/maintenance-windows", tag: tagMaintenance, role: token.RoleOperator, status: http.StatusAccepted,
		summary:     "Plan a maintenance window",
		description: "People are told 24 hours before, or at once when it begins sooner. It begins by itself. Every well-formed request is audited with its reason, refused ones too.",
		refused: func(ctx context.Context, _ string, who tenant.Caller, why string) error {
			return s.maintenance.RefusedWindow(ctx, "", tenant.ActionPlanWindow, who, why)
		},
	}, func(ctx context.Context, in *planInput) (*windowOutput, error) {
		w, lasts := in.domain()
		return window(s.maintenance.PlanWindow(ctx, w, lasts, in.Body.Reason, caller(ctx)))
	})
	registerWindowAction[plainWindowInput](s, tenant.ActionStartWindow, "Begin a maintenance window now", "It lasts as long as it was planned to.")
	registerWindowAction[extendInput](s, tenant.ActionExtendWindow, "Announce a later end of a maintenance window", "The whole window lasts 7 days at most.")
	registerWindowAction[plainWindowInput](s, tenant.ActionEndWindow, "End a maintenance window now", "What is left to do is skipped, and the checks at its end are not made.")
	registerWindowAction[plainWindowInput](s, tenant.ActionSkipWindow, "Call a maintenance window off", "Whoever was told of it is told. The regular window of the next month stays.")
	registerWindowAction[moveInput](s, tenant.ActionMoveWindow, "Have a maintenance window at another time", "Whoever was told of it is told.")
	registerWindowAction[tickInput](s, tenant.ActionTickItem, "Tick a manual item of a maintenance window", "Ticking it again changes nothing.")
}

func registerWindowAction[I any, P windowAction[I]](s *Server, action tenant.WindowAction, summary, description string) {
	register(s, endpoint{
		id: string(action) + "-maintenance-window", method: http.MethodPost, path: "/v1/maintenance-windows/{id}/" + string(action), tag: tagMaintenance, role: token.RoleOperator,
		summary: summary, description: description + " Every well-formed request about a window that exists is audited with its reason, refused ones too.",
		problems: []Code{CodeNotFound, CodeConflict},
		refused: func(ctx context.Context, text string, who tenant.Caller, why string) error {
			id, err := tenant.ReadWindowID(text)
			if err != nil {
				return nil //nolint:nilerr // it names nothing
			}
			return s.maintenance.RefusedWindow(ctx, id, action, who, why)
		},
	}, func(ctx context.Context, in *I) (*windowOutput, error) {
		c, why := P(in).change()
		c.Action = action
		return window(s.maintenance.ChangeWindow(ctx, P(in).named(), c, why, caller(ctx)))
	})
}

func window(w tenant.Window, err error) (*windowOutput, error) {
	if err != nil {
		return nil, err
	}
	return &windowOutput{Body: viewWindow(w)}, nil
}
