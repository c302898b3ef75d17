package rest

import (
	"fmt"
	"sync"
)

const (
	// A long poll holds a connection, and one for each operation has the database
	// asked every second.
	tooManyWaiting = "This client has %d requests waiting already. Send this one when one of them is answered, or without wait."
	// A stream holds a connection and some memory.
	tooManyStreams = "This client has %d streams open already. Close one of them first; one stream of /v1/events has what those of all operations have."
)

// waiting bounds how many requests of one client wait at a time, in this process.
type waiting struct {
	most int
	// full says that a client has as many, and what to do.
	full string

	mu sync.Mutex
	of map[string]int
}

// enter takes a place of a client until leave is called. The error is a problem.
func (w *waiting) enter(client string) (leave func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.most > 0 && w.of[client] >= w.most {
		return nil, newProblem(CodeTooManyRequests, fmt.Sprintf(w.full, w.most))
	}
	if w.of == nil {
		w.of = map[string]int{}
	}
	w.of[client]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.of[client]--; w.of[client] == 0 {
			delete(w.of, client)
		}
	}, nil
}
