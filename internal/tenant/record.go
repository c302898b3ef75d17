package tenant

import "time"

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

// RecordQuery asks for the records of a time, of one tenant or of all.
type RecordQuery struct {
	Since, Until time.Time
	Tenant       ID
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
