package tenant

// ContractStatus is what a tenant's contract on the ledger says of the tenant, for
// everybody to read.
type ContractStatus string

const (
	// ContractActive is that of a tenant in use.
	ContractActive ContractStatus = "active"
	// ContractSuspended is that of a tenant whose access has ended for now.
	ContractSuspended ContractStatus = "suspended"
	// ContractTerminated is final.
	ContractTerminated ContractStatus = "terminated"
)

// Contract is the status that the contract of a tenant in this status has; empty
// where there is none, or where it may have any.
func (s Status) Contract() ContractStatus {
	switch s {
	case StatusActive:
		return ContractActive
	case StatusSuspended, StatusArchived:
		return ContractSuspended
	case StatusFailed, StatusDeleted:
		return ContractTerminated
	case StatusPending, StatusProvisioning:
	}
	return ""
}
