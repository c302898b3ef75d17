package tenant

// Submission is a request for an operation, as it is recorded.
type Submission struct {
	// Operation has its id, kind, tenant and client, and the budgets that travel
	// with it.
	Operation Operation
	// New is the tenant that comes with the operation; nil for one that is there.
	New *Tenant
	// IdempotencyKey and RequestHash are empty when the client gave no key.
	IdempotencyKey string
	RequestHash    []byte
	Actor          string
	// Claimed tells that nobody has checked who the actor is.
	Claimed bool
	// Reason is why, in the actor's words; it may be empty.
	Reason string
	// OnlyDue takes a purge only of a tenant whose grace period is over, also when a
	// run claims it. Without, it is before its time.
	OnlyDue bool
}

// ActionCreate is what the audit log calls an operation that came with its tenant.
const ActionCreate = "create"

// Action is what the audit log calls it.
func (s Submission) Action() string {
	if s.New != nil {
		return ActionCreate
	}
	return s.Operation.Kind.Verb()
}
