package tenant

import (
	"fmt"
	"time"
)

// LegalHold keeps a tenant from being purged, whatever its status, until an
// administrator lifts it.
type LegalHold struct {
	// SetBy is the administrator who has set it.
	SetBy string    `json:"setBy"`
	SetAt time.Time `json:"setAt"`
	// Reason is why, in that administrator's words.
	Reason string `json:"reason"`
}

// Keeps says why a purge is refused.
func (h LegalHold) Keeps() string {
	return fmt.Sprintf("a legal hold that %s has set on %s keeps it; an administrator lifts it with DELETE /v1/tenants/{id}/legal-hold (starter legal-hold lift)",
		h.SetBy, h.SetAt.UTC().Format(time.DateOnly))
}

// How the audit log calls a change of a legal hold.
const (
	ActionSetHold  = "set-legal-hold"
	ActionLiftHold = "lift-legal-hold"
)

// RemovedError is a change of a tenant that is being removed for good, or is.
type RemovedError struct{ Status Status }

func (e *RemovedError) Error() string {
	if e.Status == StatusDeleted {
		return "the tenant is DELETED: nothing of it changes any more"
	}
	return "the tenant is being purged: nothing of it changes any more, and nothing keeps it"
}
