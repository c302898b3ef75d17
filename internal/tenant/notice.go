package tenant

import "time"

// Notice is one mail to one person about the operations that newly wait for
// somebody.
type Notice struct {
	// ID travels with the mail; the provider is asked for it after a doubt.
	ID string
	To string
	// Operations are those of its parkings that still wait, oldest first.
	Operations []Operation
	// Doubtful tells that an earlier attempt may have left.
	Doubtful bool
	// Age is how long ago that attempt left.
	Age time.Duration
	// Attempts counts the attempts to send it, this one included.
	Attempts int
}
