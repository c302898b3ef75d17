package tenant

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"time"
)

// RecordSource is the log that a record is of.
type RecordSource string

const (
	// RecordProvisioning is the log of what operations did, step by step.
	RecordProvisioning RecordSource = "provisioning"
	// RecordAudit is the log of who asked for what.
	RecordAudit RecordSource = "audit"
)

// RecordSources lists them.
func RecordSources() []RecordSource { return []RecordSource{RecordProvisioning, RecordAudit} }

// Record is a line of what has happened, of either log. The archives in the backup store
// have it as JSON, for as long as they are kept: fields are added and never renamed.
type Record struct {
	Source    RecordSource `json:"source"`
	ID        int64        `json:"id"`
	At        time.Time    `json:"at"`
	Tenant    ID           `json:"tenantId,omitempty"`
	Operation OperationID  `json:"operationId,omitempty"`

	// What follows is of the provisioning log.
	Step           Step         `json:"step,omitempty"`
	Status         StepStatus   `json:"status,omitempty"`
	Attempt        int          `json:"attempt,omitempty"`
	DurationMS     *float64     `json:"durationMs,omitempty"`
	UndoDurationMS *float64     `json:"undoDurationMs,omitempty"`
	ErrorClass     FailureClass `json:"errorClass,omitempty"`
	Error          string       `json:"error,omitempty"`
	Passing        bool         `json:"passing,omitempty"`
	Dependency     Dependency   `json:"dependency,omitempty"`
	StartedAt      *time.Time   `json:"startedAt,omitempty"`

	// And what follows of the audit log.
	Actor        string `json:"actor,omitempty"`
	ActorClaimed bool   `json:"actorClaimed,omitempty"`
	Action       string `json:"action,omitempty"`
	Outcome      string `json:"outcome,omitempty"`
	RequestID    string `json:"requestId,omitempty"`
	Reason       string `json:"reason,omitempty"`
	Detail       string `json:"detail,omitempty"`

	// Archived tells that it was read from the backup store.
	Archived bool `json:"archived,omitempty"`
}

// RecordPosition is where a record stands among those of both logs, which are in the order
// of their time.
type RecordPosition struct {
	At     time.Time
	Source RecordSource
	ID     int64
}

// Position is where the record stands.
func (r Record) Position() RecordPosition { return RecordPosition{r.At, r.Source, r.ID} }

// Compare orders positions as cmp.Compare does.
func (p RecordPosition) Compare(o RecordPosition) int {
	return cmp.Or(p.At.Compare(o.At), cmp.Compare(p.Source, o.Source), cmp.Compare(p.ID, o.ID))
}

// Cursor is the position as text. It is encoded so that nobody builds one by hand.
func (p RecordPosition) Cursor() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %s", p.At.UnixMicro(), p.ID, p.Source))
}

// ParseRecordCursor reads a cursor; the empty one is the position before all records.
func ParseRecordCursor(cursor string) (p RecordPosition, err error) {
	if cursor == "" {
		return p, nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return p, ErrBadCursor
	}
	var micros int64
	if _, err := fmt.Sscanf(string(text), "%d %d %s", &micros, &p.ID, &p.Source); err != nil {
		return p, ErrBadCursor
	}
	p.At = time.UnixMicro(micros).UTC()
	if p.Cursor() != cursor {
		return p, ErrBadCursor
	}
	return p, nil
}

// RecordQuery asks for the records of a time, of one tenant or of all.
type RecordQuery struct {
	Since, Until time.Time
	Tenant       ID
	// Cursor is the NextCursor of the page before; empty for the first page.
	Cursor string
	// Limit bounds how many are given, the earliest first.
	Limit int
}

// Has reports whether the query asks for a record.
func (q RecordQuery) Has(r Record) bool {
	return !r.At.Before(q.Since) && r.At.Before(q.Until) && (q.Tenant == "" || q.Tenant == r.Tenant)
}

// LogArchive is an object in the backup store that has provisioning logs.
type LogArchive struct {
	Name     string
	Rows     int
	From, To time.Time
	Bytes    int64
	SHA256   [32]byte
}
