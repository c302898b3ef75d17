package output

import (
	"fmt"
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

// DeclaredIncidents are the incidents that people respond to, and those of the breaker,
// as the HTTP API writes them.
type DeclaredIncidents struct {
	Items   []DeclaredIncident `json:"items"`
	Breaker []tenant.Incident  `json:"breaker"`
}

// DeclaredIncident is one of the former.
type DeclaredIncident struct {
	tenant.DeclaredIncident

	State tenant.DeclaredState `json:"state"`
	// Step is the one to do now; empty when all are done.
	Step tenant.ResponseStep `json:"step,omitempty"`
	// Seconds is how long it has lasted.
	Seconds int                   `json:"seconds"`
	Clock   []tenant.ResponseTime `json:"clock"`

	now time.Time
}

// NewDeclaredIncidents makes the document of a list.
func NewDeclaredIncidents(all []tenant.DeclaredIncident, breaker []tenant.Incident, now time.Time) DeclaredIncidents {
	d := DeclaredIncidents{Items: make([]DeclaredIncident, len(all)), Breaker: append([]tenant.Incident{}, breaker...)}
	for n, i := range all {
		d.Items[n] = NewDeclaredIncident(i, now)
	}
	return d
}

// NewDeclaredIncident makes the document of one.
func NewDeclaredIncident(i tenant.DeclaredIncident, now time.Time) DeclaredIncident {
	return DeclaredIncident{DeclaredIncident: i, State: i.State(), Step: i.Step(), Seconds: int(i.Lasted(now).Seconds()), Clock: i.Clock(now), now: now}
}

// Text is a table, and a line for each open one of the breaker.
func (l DeclaredIncidents) Text() string {
	text := "no incidents that people have opened\n"
	if len(l.Items) > 0 {
		rows := make([][]string, len(l.Items))
		for n, i := range l.Items {
			rows[n] = []string{i.ID.String(), string(i.State), string(i.Severity), string(i.Step), moment(i.DetectedAt), lasting(i.Lasted(i.now)), i.Title}
		}
		text = Grid([]string{"ID", "STATE", "SEVERITY", "STEP", "DETECTED", "LASTED", "TITLE"}, rows)
	}
	for _, i := range l.Breaker {
		if i.ClosedAt.IsZero() {
			text += fmt.Sprintf("the breaker holds work for %s: %s\n", i, Visible(i.Cause))
		}
	}
	return text
}

// Text is a form, the clock of the response, and what to do now.
func (i DeclaredIncident) Text() string {
	text := form([]pair{
		{"incident", i.ID.String()}, {"title", i.Title}, {"state", string(i.State)}, {"severity", string(i.Severity)},
		{"components", joined(i.Components)}, {"opened by", i.OpenedBy}, {"detected", moment(i.DetectedAt)},
		{"resolved", moment(i.ResolvedAt)}, {"lasted", lasting(i.Lasted(i.now))},
	})
	rows := make([][]string, len(i.Clock))
	for n, c := range i.Clock {
		rows[n] = []string{string(c.Step), within(c.Step), moment(c.DoneAt), i.after(c)}
	}
	text += "\n" + Grid([]string{"STEP", "WITHIN", "DONE", "CLOCK"}, rows)
	for _, a := range i.Alerts {
		ended := "fires since " + moment(a.StartsAt)
		if !a.EndsAt.IsZero() {
			ended = "fired from " + moment(a.StartsAt) + " to " + moment(a.EndsAt)
		}
		text += "\n" + Visible(fmt.Sprintf("alert %s %s: %s", a.Name, ended, a.Summary))
	}
	if len(i.Alerts) > 0 {
		text += "\n"
	}
	return text + "\n" + i.next()
}

// after says how the clock of a step stands.
func (i DeclaredIncident) after(c tenant.ResponseTime) string {
	switch {
	case !c.DoneAt.IsZero() && c.Late:
		return "after " + lasting(c.DoneAt.Sub(i.DetectedAt)) + ", late"
	case !c.DoneAt.IsZero():
		return "after " + lasting(c.DoneAt.Sub(i.DetectedAt))
	case c.Late:
		return "late by " + lasting(i.now.Sub(c.Due))
	case !c.Due.IsZero():
		return lasting(c.Due.Sub(i.now)) + " left"
	case c.Step == i.Step:
		return "now"
	}
	return ""
}

func within(s tenant.ResponseStep) string {
	if d := s.Within(); d > 0 {
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return ""
}

// next says which step it is in and what ends it.
func (i DeclaredIncident) next() string {
	if i.Step == "" {
		return "closed: every step is done\n"
	}
	since := i.DetectedAt
	for _, c := range i.Clock {
		if !c.DoneAt.IsZero() && c.DoneAt.After(since) {
			since = c.DoneAt
		}
	}
	command := fmt.Sprintf("starter incident update %s --done %s --message TEXT", i.ID, i.Step)
	switch i.Step {
	case tenant.ResponseResolution:
		command = fmt.Sprintf("starter incident resolve %s --message TEXT", i.ID)
	case tenant.ResponsePostmortem:
		command = fmt.Sprintf("starter incident postmortem %s > postmortem.md; when it is agreed: %s", i.ID, command)
	case tenant.ResponseDetection, tenant.ResponseAssessment, tenant.ResponseMitigation, tenant.ResponseVerification:
	}
	return fmt.Sprintf("now   %s, for %s: %s\nthen  %s\nsee   docs/runbooks/incident-response.md\n", i.Step, lasting(i.now.Sub(since)), asked[i.Step], command)
}

// asked is what each step asks for.
var asked = map[tenant.ResponseStep]string{
	tenant.ResponseAssessment:   "find out what is disturbed, for whom and how badly",
	tenant.ResponseMitigation:   "end or bound the harm, whatever the cause",
	tenant.ResponseResolution:   "remove the cause",
	tenant.ResponseVerification: "show that it works again; if it does not: starter incident reopen",
	tenant.ResponsePostmortem:   "write down what happened, and what is to be changed",
}

func joined[T ~string](all []T) string {
	texts := make([]string, len(all))
	for n, s := range all {
		texts[n] = string(s)
	}
	return strings.Join(texts, ", ")
}

// lasting is a duration to the second, also none.
func lasting(d time.Duration) string { return max(d, 0).Round(time.Second).String() }
