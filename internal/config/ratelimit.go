package config

import (
	"strconv"
	"time"
)

// RateLimit bounds the requests of one client of the api.
type RateLimit struct {
	Enabled bool // RATE_LIMIT_ENABLED, true
	// Requests in Window is what a client may do for ever
	// (RATE_LIMIT_REQUESTS, 100; RATE_LIMIT_WINDOW, 1s). It protects the api
	// from one client, not the platform from all: the dispatcher does that.
	Requests int
	Window   time.Duration
	// Burst is how many requests may come at once after a pause
	// (RATE_LIMIT_BURST, RATE_LIMIT_REQUESTS).
	Burst int
	// Waiting is how many requests of a client may wait for an operation at a
	// time, in each process of the api (RATE_LIMIT_WAITING, 100): more operations
	// than a person or a batch follows at once.
	Waiting int
	// Streams is how many streams of events a client may have open at a time, in one
	// process (RATE_LIMIT_STREAMS).
	Streams int
}

func (r *reader) rateLimit() RateLimit {
	l := RateLimit{
		Enabled:  read(r, setting{name: "RATE_LIMIT_ENABLED", def: "true"}, boolean),
		Requests: int(read(r, setting{name: "RATE_LIMIT_REQUESTS", def: "100"}, whole(1, 1_000_000))),
		Streams:  int(read(r, setting{name: "RATE_LIMIT_STREAMS", def: "2000"}, whole(1, 1_000_000))),
		Window:   read(r, setting{name: "RATE_LIMIT_WINDOW", def: "1s"}, duration(time.Millisecond, day)),
		Waiting:  int(read(r, setting{name: "RATE_LIMIT_WAITING", def: "100"}, whole(1, 1_000_000))),
	}
	burst := setting{name: "RATE_LIMIT_BURST", from: "RATE_LIMIT_REQUESTS"}
	if l.Requests > 0 { // otherwise it is wrong, and was told of
		burst.def = strconv.Itoa(l.Requests)
	}
	l.Burst = int(read(r, burst, whole(1, 1_000_000)))
	return l
}
