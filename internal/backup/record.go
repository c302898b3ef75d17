package backup

import (
	"time"

	"tenant-provisioning/internal/tenant"
)

// State is what has become of a backup.
type State string

const (
	// Writing is being made, or was being made when its worker was lost.
	Writing State = "WRITING"
	// Good was read back from the store and is what was sent.
	Good State = "GOOD"
	// Failed came to nothing; what is left of it is deleted by the next run.
	Failed State = "FAILED"
	// Broken was good, and a verification has refused it: find out who changed it.
	Broken State = "BROKEN"
	// Deleting is too old, or its tenant was purged.
	Deleting State = "DELETING"
)

// Record is a backup as the database knows it.
type Record struct {
	ID ID
	// Tenant is empty for the control tables.
	Tenant tenant.ID
	State  State
	Bytes  int64
	Rows   int64
	// Error is why it is Failed or Broken.
	Error string
	// CreatedAt is the moment whose state it holds.
	CreatedAt time.Time
	// VerifiedAt is when it was last read whole; nil: never since it was made.
	VerifiedAt *time.Time
}
