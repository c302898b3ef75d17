package tenant

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DeclaredID numbers declared incidents. People write it INC-000012; a number alone is
// an incident of the breaker.
type DeclaredID int64

func (id DeclaredID) String() string { return fmt.Sprintf("INC-%06d", int64(id)) }

// MarshalText writes the id as people write it, in JSON too.
func (id DeclaredID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText has written.
func (id *DeclaredID) UnmarshalText(text []byte) error {
	parsed, err := ReadDeclaredID(string(text))
	*id = parsed
	return err
}

// ReadDeclaredID reads INC-000012, in any case and with any number of zeros.
func ReadDeclaredID(s string) (DeclaredID, error) {
	digits, ok := strings.CutPrefix(strings.ToUpper(strings.TrimSpace(s)), "INC-")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 1 {
		return 0, &InvalidError{Fields: []FieldError{{Field: "id", Message: "a declared incident's id looks like INC-000012"}}}
	}
	return DeclaredID(n), nil
}

// IncidentSeverity is how bad a declared incident is.
type IncidentSeverity string

const (
	// SeverityCritical is something that does not work for many.
	SeverityCritical IncidentSeverity = "critical"
	// SeverityMajor is something that works badly, or not at all for some.
	SeverityMajor IncidentSeverity = "major"
	// SeverityMinor is something that few notice.
	SeverityMinor IncidentSeverity = "minor"
)

// IncidentSeverities lists them all, the worst first.
func IncidentSeverities() []IncidentSeverity {
	return []IncidentSeverity{SeverityCritical, SeverityMajor, SeverityMinor}
}

// ResponseStep is a step of the response to an incident: docs/runbooks/incident-response.md.
type ResponseStep string

const (
	// ResponseDetection begins the clock.
	ResponseDetection ResponseStep = "detection"
	// ResponseAssessment is knowing what is disturbed, for whom and how badly.
	ResponseAssessment ResponseStep = "assessment"
	// ResponseMitigation is the harm ended or bounded, whatever caused it.
	ResponseMitigation ResponseStep = "mitigation"
	// ResponseResolution is the cause removed.
	ResponseResolution ResponseStep = "resolution"
	// ResponseVerification is the proof that it works again.
	ResponseVerification ResponseStep = "verification"
	// ResponsePostmortem is the written account, with what is to be changed.
	ResponsePostmortem ResponseStep = "postmortem"
)

// ResponseSteps lists them all, in order.
func ResponseSteps() []ResponseStep {
	return []ResponseStep{ResponseDetection, ResponseAssessment, ResponseMitigation, ResponseResolution, ResponseVerification, ResponsePostmortem}
}

// Within is how long after detection the step is to be done; zero where nothing bounds it.
func (s ResponseStep) Within() time.Duration {
	switch s {
	case ResponseAssessment:
		return 5 * time.Minute
	case ResponseMitigation:
		return 15 * time.Minute
	case ResponseDetection, ResponseResolution, ResponseVerification, ResponsePostmortem:
	}
	return 0
}

// DeclaredState is where a declared incident stands.
type DeclaredState string

const (
	// DeclaredOpen lasts.
	DeclaredOpen DeclaredState = "open"
	// DeclaredResolved is over, and has still to be verified and written up.
	DeclaredResolved DeclaredState = "resolved"
	// DeclaredClosed has been through every step; nothing of it changes any more.
	DeclaredClosed DeclaredState = "closed"
)

// DeclaredStates lists them all.
func DeclaredStates() []DeclaredState {
	return []DeclaredState{DeclaredOpen, DeclaredResolved, DeclaredClosed}
}

// DeclaredIncident is a disturbance that a person or Alertmanager has declared, and that
// people respond to. Unlike an Incident it holds no work and no probe ends it.
type DeclaredIncident struct {
	ID DeclaredID `json:"id"`
	// Title is for staff: the public reads what updates tell it.
	Title    string           `json:"title"`
	Severity IncidentSeverity `json:"severity"`
	// Components are what of the status page is disturbed.
	Components []Component `json:"components"`
	OpenedBy   string      `json:"openedBy"`
	OpenedAt   time.Time   `json:"openedAt"`
	// DetectedAt begins the clock; the others are zero until their step is done.
	DetectedAt  time.Time `json:"detectedAt"`
	AssessedAt  time.Time `json:"assessedAt,omitzero"`
	MitigatedAt time.Time `json:"mitigatedAt,omitzero"`
	ResolvedAt  time.Time `json:"resolvedAt,omitzero"`
	VerifiedAt  time.Time `json:"verifiedAt,omitzero"`
	ReviewedAt  time.Time `json:"reviewedAt,omitzero"`
	// Updates and Alerts are in their order; a listing does not read them.
	Updates []IncidentUpdate `json:"updates,omitempty"`
	Alerts  []IncidentAlert  `json:"alerts,omitempty"`
}

// UpdateKind is what an update of a declared incident tells of.
type UpdateKind string

const (
	// UpdateDeclared is its beginning.
	UpdateDeclared UpdateKind = "declared"
	// UpdateChanged is what was said, found or done.
	UpdateChanged UpdateKind = "updated"
	// UpdateResolved is its end.
	UpdateResolved UpdateKind = "resolved"
	// UpdateReopened takes the end back.
	UpdateReopened UpdateKind = "reopened"
	// UpdateAlerted is an alert of Alertmanager that has begun or ended.
	UpdateAlerted UpdateKind = "alerted"
)

// UpdateKinds lists them all.
func UpdateKinds() []UpdateKind {
	return []UpdateKind{UpdateDeclared, UpdateChanged, UpdateResolved, UpdateReopened, UpdateAlerted}
}

// IncidentUpdate is what was said and done about a declared incident at a time.
type IncidentUpdate struct {
	Kind  UpdateKind `json:"kind"`
	At    time.Time  `json:"at"`
	Actor string     `json:"actor"`
	// Message is for staff.
	Message string `json:"message"`
	// Public is what the status page tells; empty: nothing.
	Public string `json:"public,omitempty"`
	// Done are the steps that it did.
	Done []ResponseStep `json:"done,omitempty"`
}

// IncidentAlert is an alert of Alertmanager.
type IncidentAlert struct {
	Fingerprint string    `json:"fingerprint"`
	Name        string    `json:"name"`
	Summary     string    `json:"summary,omitempty"`
	StartsAt    time.Time `json:"startsAt"`
	// EndsAt is zero while it fires.
	EndsAt time.Time `json:"endsAt,omitzero"`
}

// doneAt is where the incident keeps when a step was done.
func (i *DeclaredIncident) doneAt(s ResponseStep) *time.Time {
	switch s {
	case ResponseDetection:
		return &i.DetectedAt
	case ResponseAssessment:
		return &i.AssessedAt
	case ResponseMitigation:
		return &i.MitigatedAt
	case ResponseResolution:
		return &i.ResolvedAt
	case ResponseVerification:
		return &i.VerifiedAt
	case ResponsePostmortem:
	}
	return &i.ReviewedAt
}

// State is where it stands.
func (i DeclaredIncident) State() DeclaredState {
	switch {
	case i.ResolvedAt.IsZero():
		return DeclaredOpen
	case i.ReviewedAt.IsZero():
		return DeclaredResolved
	}
	return DeclaredClosed
}

// Step is the step that is to be done now; empty when all are.
func (i DeclaredIncident) Step() ResponseStep {
	for _, s := range ResponseSteps() {
		if i.doneAt(s).IsZero() {
			return s
		}
	}
	return ""
}

// ResponseTime is how one step of a response went, by the clock.
type ResponseTime struct {
	Step ResponseStep `json:"step"`
	// DoneAt is zero until it is.
	DoneAt time.Time `json:"doneAt,omitzero"`
	// Due is when it is to be done; zero where nothing bounds it.
	Due time.Time `json:"due,omitzero"`
	// Late tells that it was done after that, or is not done and that has passed.
	Late bool `json:"late"`
}

// Clock is how each step has gone until now.
func (i DeclaredIncident) Clock(now time.Time) []ResponseTime {
	var all []ResponseTime
	for _, s := range ResponseSteps() {
		t := ResponseTime{Step: s, DoneAt: *i.doneAt(s)}
		if within := s.Within(); within > 0 {
			t.Due = i.DetectedAt.Add(within)
			by := t.DoneAt
			if by.IsZero() {
				by = now
			}
			t.Late = by.After(t.Due)
		}
		all = append(all, t)
	}
	return all
}

// Lasted is how long it has lasted, from detection to resolution or until now.
func (i DeclaredIncident) Lasted(now time.Time) time.Duration {
	if !i.ResolvedAt.IsZero() {
		now = i.ResolvedAt
	}
	return max(now.Sub(i.DetectedAt), 0)
}
