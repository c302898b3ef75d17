package redis

import "time"

// Limit is a pace: Requests in each Window for ever, and up to Burst at once
// after a pause. All three are positive.
type Limit struct {
	Requests int
	Window   time.Duration
	Burst    int
}

// interval is the time between two requests at the steady pace, in
// microseconds.
func (l Limit) interval() float64 {
	return float64(l.Window) / float64(l.Requests) / float64(time.Microsecond)
}

// pause is the same as a duration.
func (l Limit) pause() time.Duration { return max(1, l.Window/time.Duration(l.Requests)) }

// whole is the time that a burst takes at the steady pace: of a burst for
// centuries, one century.
func (l Limit) whole() time.Duration {
	const century = 100 * 365 * 24 * time.Hour
	if time.Duration(l.Burst) > century/l.pause() {
		return century
	}
	return time.Duration(l.Burst) * l.pause()
}

// Check counts one request under a key against a limit.
type Check struct {
	// Key says who is limited, and for what: "client:42", "invitations:10.0.0.1".
	Key   string
	Limit Limit
}

// Decision is the answer to one request.
type Decision struct {
	// Allowed is what to act on.
	Allowed bool
	// Unchecked says that this process alone has counted the request, since
	// Redis could not; then Allowed is true.
	Unchecked bool
	// Remaining is how many more requests would be allowed right now by the
	// strictest of the limits.
	Remaining int
	// RetryAfter is how long until the request would be allowed, when it is
	// not. Others under the same key may come first.
	RetryAfter time.Duration
}
