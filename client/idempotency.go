package client

import "github.com/google/uuid"

// newKey is the Idempotency-Key or requestId of a request to which the caller has
// given none: the API acts once, however often the request is sent. It is made
// once for a call, and another call has another one. A caller who must not ask
// twice even after a crash of its own gives a key that it has stored before.
func newKey() string { return uuid.NewString() }
