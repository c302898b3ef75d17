package tenant

import "time"

// TimelineSource is where an entry of a timeline comes from.
type TimelineSource string

const (
	// SourceMessage is what people said of the incident.
	SourceMessage TimelineSource = "message"
	// SourceAlert is an alert that began or ended.
	SourceAlert TimelineSource = "alert"
	// SourceAudit is what people and schedules asked for meanwhile.
	SourceAudit TimelineSource = "audit"
	// SourceOperation is what failed, or came to wait for people.
	SourceOperation TimelineSource = "operation"
	// SourceBreaker is an incident of the breaker that began or ended.
	SourceBreaker TimelineSource = "breaker"
	// SourceWorkers is an outage of all workers that began or ended.
	SourceWorkers TimelineSource = "workers"
)

// TimelineEntry is what happened at a time, for staff. What is alike within a minute is
// one entry.
type TimelineEntry struct {
	At     time.Time      `json:"at"`
	Source TimelineSource `json:"source"`
	// Actor is empty where nobody did it.
	Actor string `json:"actor,omitempty"`
	Text  string `json:"text"`
	// Public is what the status page told.
	Public string `json:"public,omitempty"`
}

// timelineBefore is how long before its detection what happened may belong to an incident.
const timelineBefore = 15 * time.Minute

// Span is the time that the incident's timeline is about: until it was verified, or now.
func (i DeclaredIncident) Span(now time.Time) (from, until time.Time) {
	if !i.VerifiedAt.IsZero() {
		now = i.VerifiedAt
	}
	return i.DetectedAt.Add(-timelineBefore), now
}
