package tenant

import "slices"

// Status is where a tenant is in its life.
type Status string

const (
	// StatusPending is a tenant that was accepted and waits for its operation
	// to start.
	StatusPending Status = "PENDING"
	// StatusProvisioning is a tenant whose schema, contract and users are being
	// made.
	StatusProvisioning Status = "PROVISIONING"
	// StatusActive is a tenant in use. No failure ever undoes it.
	StatusActive Status = "ACTIVE"
	// StatusFailed is a tenant whose provisioning was rolled back. Its name is
	// free again; it can be provisioned anew or deleted.
	StatusFailed Status = "FAILED"
	// StatusSuspended is a tenant whose access is off for now; all its data is
	// kept.
	StatusSuspended Status = "SUSPENDED"
	// StatusArchived is a deleted tenant in its grace period: no access, data
	// kept, can be undeleted.
	StatusArchived Status = "ARCHIVED"
	// StatusDeleted is a tenant whose data is gone; the row stays as a record.
	StatusDeleted Status = "DELETED"
)

// Statuses lists every status, in the order of a tenant's life.
func Statuses() []Status {
	return []Status{StatusPending, StatusProvisioning, StatusActive, StatusSuspended, StatusFailed, StatusArchived, StatusDeleted}
}

// HoldsName reports whether a tenant in this status keeps its name from being
// used by another.
func (s Status) HoldsName() bool { return slices.Contains(NameHolders(), s) }

// NameHolders lists the statuses that keep a tenant's name.
func NameHolders() []Status {
	return []Status{StatusPending, StatusProvisioning, StatusActive, StatusSuspended}
}
