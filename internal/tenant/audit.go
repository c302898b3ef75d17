package tenant

// Outcomes of an audited request.
const (
	OutcomeAccepted = "accepted"
	OutcomeRefused  = "refused"
	// OutcomeDone is no request: a certificate of what was done.
	OutcomeDone = "done"
)

// ActionCertificate is what the audit log calls the certificate of a purge.
const ActionCertificate = "purge-certificate"

// ScheduleActor is who asks for what is due, in the audit log.
const ScheduleActor = "schedule"

// AuditEntry is who asked for what, and what came of it.
type AuditEntry struct {
	Actor string `json:"actor"`
	// Claimed tells that nobody has checked who the actor is.
	Claimed   bool        `json:"claimed,omitempty"`
	Action    string      `json:"action"`
	Outcome   string      `json:"outcome"`
	Tenant    ID          `json:"tenant,omitempty"`
	Operation OperationID `json:"operation,omitempty"`
	RequestID string      `json:"requestId,omitempty"`
	Reason    string      `json:"reason,omitempty"`
	Detail    string      `json:"detail,omitempty"`
}
