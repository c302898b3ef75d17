package tenant

// Acceptance is a tenant to be recorded with the operation that provisions it.
type Acceptance struct {
	Tenant    Tenant
	Operation Operation
	// IdempotencyKey and RequestHash are empty when the client gave no key.
	IdempotencyKey string
	RequestHash    []byte
	Actor          string
	// Claimed tells that nobody has checked who the actor is.
	Claimed bool
}
