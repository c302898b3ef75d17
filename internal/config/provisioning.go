package config

import "time"

// Provisioning is how patient the workflows are. The values are read when an
// operation is accepted and travel with it: a change is for new operations.
type Provisioning struct {
	// StepRetryBudget is how long one step is tried before the operation asks
	// for attention (STEP_RETRY_BUDGET, 30m: longer than a database failover or
	// a redeployment of a dependency, shorter than anybody's patience).
	StepRetryBudget time.Duration
	// AttentionDeadline is how long a parked operation waits for a decision
	// before it is rolled back or, after the tenant became active, ended
	// without the mail (ATTENTION_DEADLINE, 72h: a weekend and a day).
	AttentionDeadline time.Duration
	// InvitationTTL is how long the link in the welcome mail works
	// (INVITATION_TTL, 72h).
	InvitationTTL time.Duration
	// DeleteGrace is how long an archived tenant can be taken back (DELETE_GRACE,
	// 720h).
	DeleteGrace time.Duration
	// LogRetention is how long provisioning logs stay in the database before they move to
	// the backup store (LOG_RETENTION, 90d: what people look back at without being asked).
	LogRetention time.Duration
	// AuditRetention is how long the audit log is kept (AUDIT_RETENTION, 6y: what
	// 45 CFR 164.316 asks for).
	AuditRetention time.Duration
}

func (r *reader) provisioning() Provisioning {
	return Provisioning{
		StepRetryBudget:   read(r, setting{name: "STEP_RETRY_BUDGET", def: "30m"}, duration(time.Second, 7*day)),
		AttentionDeadline: read(r, setting{name: "ATTENTION_DEADLINE", def: "72h"}, duration(time.Second, 90*day)),
		InvitationTTL:     read(r, setting{name: "INVITATION_TTL", def: "72h"}, duration(time.Second, 30*day)),
		LogRetention:      read(r, setting{name: "LOG_RETENTION", def: "90d"}, duration(day, 3650*day)),
		AuditRetention:    read(r, setting{name: "AUDIT_RETENTION", def: "6y"}, duration(365*day, 36500*day)),
		DeleteGrace:       read(r, setting{name: "DELETE_GRACE", def: "720h"}, duration(time.Second, 3650*day)),
	}
}
