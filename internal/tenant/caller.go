package tenant

// Caller is who asks for something.
type Caller struct {
	// Client scopes idempotency keys and fairness: the subject of the token.
	Client string
	// Actor is the name that goes into the audit log.
	Actor string
	// Admin allows what only an administrator may do.
	Admin bool
	// Claimed tells that nobody has checked who the actor is.
	Claimed bool
}
