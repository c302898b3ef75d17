package statuspage

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

// State is how a component is. The list may grow.
type State string

// From the best to the worst.
const (
	Operational State = "operational"
	// Maintenance: less works than usual, as announced.
	Maintenance State = "maintenance"
	// Degraded: it works, and something of it waits or is slow.
	Degraded State = "degraded"
	Outage   State = "outage"
)

var severity = []State{Operational, Maintenance, Degraded, Outage}

// worst is the one that people must hear of.
func worst(states ...State) State {
	return slices.MaxFunc(append(states, Operational), func(a, b State) int {
		return slices.Index(severity, a) - slices.Index(severity, b)
	})
}

// Component is a part of the platform as its users see it.
type Component = tenant.Component

// The components, in the order of the page.
const (
	API          = tenant.ComponentAPI
	Provisioning = tenant.ComponentProvisioning
	Data         = tenant.ComponentData
	Ledger       = tenant.ComponentLedger
	Mail         = tenant.ComponentMail
)

// Seen is what a look at the platform has found.
type Seen struct {
	// Database tells that it answers. What follows is known only then.
	Database bool
	// Temporal tells that what runs operations answers.
	Temporal bool
	// Workers tells that one takes work.
	Workers bool
	// Incidents are those that are open.
	Incidents []tenant.Incident
	// Declared are those that people have opened, are not resolved, and that the public
	// was told of.
	Declared []tenant.DeclaredIncident
	// ReadOnly tells that a maintenance window refuses changes now.
	ReadOnly bool
}

// components is how the platform is by what was seen. Of what nobody can know now the
// state is missing.
func (s Seen) components() map[Component]State {
	if !s.Database {
		return map[Component]State{API: Outage, Provisioning: Outage, Data: Outage}
	}
	is := map[Component]State{}
	for _, c := range tenant.Components() {
		is[c] = Operational
	}
	fails := func(c Component, state State) { is[c] = worst(is[c], state) }
	if s.ReadOnly {
		fails(API, Maintenance)
		fails(Provisioning, Maintenance)
	}
	if !s.Temporal || !s.Workers {
		fails(Provisioning, Outage) // what is accepted waits
	}
	for _, i := range s.Incidents {
		fails(Provisioning, Degraded)
		switch i.Dependency {
		case tenant.DependencyDatabase:
			fails(Data, Degraded)
			fails(API, Degraded)
		case tenant.DependencyLedger, tenant.DependencySigner:
			fails(Ledger, Outage)
		case tenant.DependencyMail:
			fails(Mail, Outage)
		}
	}
	for _, i := range s.Declared {
		for _, c := range i.Components {
			if i.Severity == tenant.SeverityCritical {
				fails(c, Outage)
			} else {
				fails(c, Degraded)
			}
		}
	}
	return is
}

// Change is a component's state from a moment on.
type Change struct {
	Component Component `json:"component"`
	State     State     `json:"state"`
	Since     time.Time `json:"since"`
}

// Window is maintenance, under way or to come.
type Window struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Message  string    `json:"message,omitempty"`
	Running  bool      `json:"running"`
	ReadOnly bool      `json:"readOnly"`
	StartsAt time.Time `json:"startsAt"`
	EndsAt   time.Time `json:"endsAt"`
}

// ahead is how long before a window the page tells of it.
const ahead = 35 * 24 * time.Hour

// Announced is what everybody may know of windows that are under way or come within
// five weeks: not what is done in them, nor by whom.
func Announced(all []tenant.Window, now time.Time) []Window {
	var public []Window
	for _, w := range all {
		if w.Open() && w.StartsAt.Before(now.Add(ahead)) {
			public = append(public, Window{
				ID: "window-" + string(w.ID), Title: w.Title, Message: w.Message, Running: w.State == tenant.WindowRunning,
				ReadOnly: w.Mode == tenant.WindowReadOnly, StartsAt: w.StartsAt, EndsAt: w.EndsAt,
			})
		}
	}
	return public
}

// Incident is a disturbance, as far as it is public.
type Incident struct {
	ID        string    `json:"id"`
	Component Component `json:"component,omitempty"`
	Title     string    `json:"title"`
	StartedAt time.Time `json:"startedAt"`
	// EndedAt is zero while it lasts.
	EndedAt time.Time `json:"endedAt,omitzero"`
	// Components are all that are disturbed, of one that people have opened; Component is
	// the first of them.
	Components []Component `json:"components,omitempty" nullable:"false"`
	// Messages are what people have told of it, the newest first.
	Messages []Message `json:"messages,omitempty" nullable:"false"`
}

// Message is what people tell of an incident.
type Message struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// changed is when something was last told of it.
func (i Incident) changed() time.Time {
	at := i.StartedAt
	if !i.EndedAt.IsZero() {
		at = i.EndedAt
	}
	if len(i.Messages) > 0 && i.Messages[0].At.After(at) {
		at = i.Messages[0].At
	}
	return at
}

// PublicDeclared is what everybody may know of an incident that people have opened: what
// they have told the public. Its title and messages for staff stay inside.
func PublicDeclared(i tenant.DeclaredIncident) Incident {
	p := Incident{ID: strings.ToLower(i.ID.String()), Title: "Disturbance", StartedAt: i.DetectedAt, EndedAt: i.ResolvedAt, Components: i.Components}
	var titles []string
	for _, c := range i.Components {
		titles = append(titles, c.Title())
	}
	if len(titles) > 0 {
		p.Component, p.Title = i.Components[0], "Disturbance: "+strings.Join(titles, ", ")
	}
	for _, u := range slices.Backward(i.Updates) {
		if u.Public != "" {
			p.Messages = append(p.Messages, Message{At: u.At, Text: u.Public})
		}
	}
	return p
}

// Public is what everybody may know of an incident: what is meant by it, and not its
// cause, which may name systems of the inside.
func Public(i tenant.Incident) Incident {
	p := Incident{ID: "incident-" + strconv.FormatInt(i.ID, 10), StartedAt: i.OpenedAt, EndedAt: i.ClosedAt}
	switch i.Dependency {
	case tenant.DependencyLedger, tenant.DependencySigner:
		p.Component, p.Title = Ledger, "Contracts are made and changed with delay"
	case tenant.DependencyMail:
		p.Component, p.Title = Mail, "E-mails arrive with delay"
	default:
		p.Component, p.Title = Data, "Changes are carried out with delay"
	}
	return p
}
