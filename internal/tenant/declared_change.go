package tenant

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// DeclaredAction is what a person may do about a declared incident.
type DeclaredAction string

const (
	// ActionOpenIncident declares one.
	ActionOpenIncident DeclaredAction = "open"
	// ActionUpdateIncident says what is known, and which step is done.
	ActionUpdateIncident DeclaredAction = "update"
	// ActionResolveIncident ends it.
	ActionResolveIncident DeclaredAction = "resolve"
	// ActionReopenIncident takes the end back.
	ActionReopenIncident DeclaredAction = "reopen"
)

// Audited is how the audit log calls the action.
func (a DeclaredAction) Audited() string { return "incident-" + string(a) }

// maxPublic bounds what the public is told at once, and maxIncidentTitle a title, in
// characters.
const (
	maxPublic        = 1000
	maxIncidentTitle = 100
	// detectedAgo is how long ago an incident may have been detected that is declared.
	detectedAgo = 31 * 24 * time.Hour
)

// DeclaredChange is what a person asks for.
type DeclaredChange struct {
	Action DeclaredAction
	// Message is for staff and the audit log.
	Message string
	// Public is told on the status page; empty: nothing.
	Public string
	// Done is the step that is done, of an update; empty: none.
	Done ResponseStep
	// Severity and Components are the new ones; empty and nil keep the old ones.
	Severity   IncidentSeverity
	Components []Component
	// Actor is who asks.
	Actor string
}

// DeclaredRefusedError is a change that a declared incident's state does not allow.
type DeclaredRefusedError struct {
	Action DeclaredAction
	// Why says it, and what to do instead.
	Why string
}

func (e *DeclaredRefusedError) Error() string {
	return fmt.Sprintf("%s is refused: %s", e.Action, e.Why)
}

// Declare checks an incident that is declared, and is it, with its first update. A zero
// DetectedAt is now.
//
// Errors: *InvalidError.
func (i DeclaredIncident) Declare(c DeclaredChange, now time.Time) (DeclaredIncident, error) {
	i.Title = strings.TrimSpace(i.Title)
	if i.DetectedAt.IsZero() {
		i.DetectedAt = now
	}
	var wrong []FieldError
	if n := utf8.RuneCountInString(i.Title); n < 1 || n > maxIncidentTitle || !plain(i.Title, false) {
		wrong = append(wrong, FieldError{Field: "title", Message: "must be a line of 1 to 100 characters"})
	}
	if !slices.Contains(IncidentSeverities(), c.Severity) {
		wrong = append(wrong, FieldError{Field: "severity", Message: "must be critical, major or minor"})
	}
	if i.DetectedAt.After(now.Add(time.Minute)) || i.DetectedAt.Before(now.Add(-detectedAgo)) {
		wrong = append(wrong, FieldError{Field: "detectedAt", Message: "must be a time of the last 31 days"})
	}
	if i.DetectedAt.After(now) { // another clock
		i.DetectedAt = now
	}
	i.OpenedAt, i.OpenedBy, i.Components = now, c.Actor, []Component{}
	if err := i.describe(&c, wrong); err != nil {
		return DeclaredIncident{}, err
	}
	i.Updates = []IncidentUpdate{{Kind: UpdateDeclared, At: now, Actor: c.Actor, Message: c.Message, Public: c.Public, Done: []ResponseStep{ResponseDetection}}}
	return i, nil
}

// Change is the incident as a person wants it, with one update more.
//
// Errors: *InvalidError, *DeclaredRefusedError.
func (i DeclaredIncident) Change(c DeclaredChange, now time.Time) (DeclaredIncident, error) {
	if err := i.allows(c); err != nil {
		return DeclaredIncident{}, err
	}
	if err := i.describe(&c, nil); err != nil {
		return DeclaredIncident{}, err
	}
	if now.Before(i.DetectedAt) { // a clock was set back
		now = i.DetectedAt
	}
	u := IncidentUpdate{Kind: UpdateChanged, At: now, Actor: c.Actor, Message: c.Message, Public: c.Public}
	switch c.Action {
	case ActionResolveIncident:
		u.Kind, u.Done = UpdateResolved, i.do(ResponseResolution, now)
	case ActionReopenIncident:
		u.Kind, i.ResolvedAt, i.VerifiedAt = UpdateReopened, time.Time{}, time.Time{}
	case ActionUpdateIncident:
		if c.Done != "" {
			u.Done = i.do(c.Done, now)
		}
	case ActionOpenIncident:
	}
	i.Updates = append(slices.Clone(i.Updates), u)
	return i, nil
}

// do notes that a step is done, and those before it with it: whoever has ended the harm
// at once has no time to say what it was.
func (i *DeclaredIncident) do(step ResponseStep, now time.Time) (done []ResponseStep) {
	for _, s := range ResponseSteps() {
		if at := i.doneAt(s); at.IsZero() {
			*at, done = now, append(done, s)
		}
		if s == step {
			break
		}
	}
	return done
}

// allows refuses what the state does not allow.
func (i DeclaredIncident) allows(c DeclaredChange) error {
	refuse := func(format string, args ...any) error {
		return &DeclaredRefusedError{Action: c.Action, Why: fmt.Sprintf(format, args...)}
	}
	state := i.State()
	switch {
	case state == DeclaredClosed:
		return refuse("%s is closed, and nothing of it changes any more; open another incident", i.ID)
	case c.Action == ActionResolveIncident && state == DeclaredResolved:
		return refuse("%s is resolved since %s", i.ID, i.ResolvedAt.UTC().Format(time.RFC3339))
	case c.Action == ActionReopenIncident && state == DeclaredOpen:
		return refuse("%s is open", i.ID)
	case c.Done == "":
		return nil
	case !slices.Contains(ResponseSteps(), c.Done) || c.Done == ResponseDetection || c.Done == ResponseResolution:
		return &InvalidError{Fields: []FieldError{{Field: "done", Message: "must be assessment, mitigation, verification or postmortem; the resolution is done by resolve"}}}
	case !i.doneAt(c.Done).IsZero():
		return refuse("the %s is done since %s", c.Done, i.doneAt(c.Done).UTC().Format(time.RFC3339))
	case c.Done == ResponseVerification && state == DeclaredOpen:
		return refuse("the verification comes after the resolution: resolve it first")
	case c.Done == ResponsePostmortem && i.VerifiedAt.IsZero():
		return refuse("the postmortem comes last: note first that the verification is done")
	}
	return nil
}

// describe checks what is said of it, and takes over the new severity and components.
func (i *DeclaredIncident) describe(c *DeclaredChange, wrong []FieldError) error {
	c.Message, c.Public = strings.TrimSpace(c.Message), strings.TrimSpace(c.Public)
	if n := utf8.RuneCountInString(c.Message); n < 1 || n > MaxReasonLength || !plain(c.Message, false) {
		wrong = append(wrong, FieldError{Field: "message", Message: "must be a line of 1 to 500 characters"})
	}
	if n := utf8.RuneCountInString(c.Actor); n < 1 || n > maxActorLength || !plain(c.Actor, false) {
		wrong = append(wrong, FieldError{Field: "actor", Message: "must say who acts, in 1 to 200 characters"})
	}
	if c.Severity != "" {
		if i.Severity = c.Severity; !slices.Contains(IncidentSeverities(), c.Severity) && c.Action != ActionOpenIncident {
			wrong = append(wrong, FieldError{Field: "severity", Message: "must be critical, major or minor"})
		}
	}
	if c.Components != nil {
		i.Components = slices.Compact(slices.Sorted(slices.Values(c.Components)))
		if slices.ContainsFunc(i.Components, func(c Component) bool { return !c.known() }) {
			wrong = append(wrong, FieldError{Field: "components", Message: "must be of " + strings.Join(componentNames(), ", ")})
		}
	}
	if why := i.refusePublic(c.Public); why != "" {
		wrong = append(wrong, FieldError{Field: "public", Message: why})
	}
	if len(wrong) > 0 {
		return &InvalidError{Fields: wrong}
	}
	return nil
}

func componentNames() []string {
	var names []string
	for _, c := range Components() {
		names = append(names, string(c))
	}
	return names
}

// plain reports whether people can read a text as it is; lines allows more than one.
func plain(s string, lines bool) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && (r != '\n' || !lines) })
}

// identifying is what can be of a tenant in a text for everybody: an address of a
// person, an id, a schema's or role's name, an account or contract of the ledger.
var identifying = regexp.MustCompile(`(?i)[^\s@]+@[^\s@]+\.[^\s@]+|[0-9a-f]{8}-[0-9a-f]{4}-|\bt(enant)?_[0-9a-z_]*[0-9a-f]{8}\b|\b[CG][A-Z2-7]{55}\b`)

// refusePublic says why a text is not for the status page; empty when it is. Names of
// tenants are looked for where they are kept.
func (i *DeclaredIncident) refusePublic(text string) string {
	switch found := identifying.FindString(text); {
	case text == "":
		return ""
	case utf8.RuneCountInString(text) > maxPublic || !plain(text, true):
		return "must have at most 1000 characters"
	case found != "":
		return fmt.Sprintf("is for everybody: it must name no tenant, person or id, and has %q", found)
	case len(i.Components) == 0:
		return "needs the components that are disturbed with it: " + strings.Join(componentNames(), ", ")
	}
	return ""
}
