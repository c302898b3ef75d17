package tenant

// Reprovisioning is a FAILED tenant that is to be provisioned anew: under the
// same id and names, in the next generation, by a new operation.
type Reprovisioning struct {
	Tenant    ID
	Operation Operation
	// IdempotencyKey and RequestHash are empty when the client gave no key.
	IdempotencyKey string
	RequestHash    []byte
	Actor          string
	Claimed        bool
	Reason         string
}
