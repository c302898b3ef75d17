package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tenant-provisioning/client"
)

const (
	// heartbeats is longer than it takes until every stream has had one.
	heartbeats = 20 * time.Second
	// toStreams is how many events every stream gets.
	toStreams = 100
	// delivery bounds how long that may take.
	delivery = time.Minute
	// wanted is the memory that the api is to get by with, in MiB.
	wanted = 60
)

// Streams is what streams of events on one api take.
type Streams struct {
	Streams int `json:"streams"`
	// Before is the api that has just been started, and Open with all streams open and
	// nothing to tell but that they are.
	Before Memory `json:"before"`
	Open   Memory `json:"open"`
	// Delivered is after each of them has got all events.
	Delivered Memory `json:"delivered"`
	// PerStream is how much more there is resident when they are open, in KiB for each.
	PerStream float64 `json:"openKiBPerStream"`
	// Within says whether Open and Delivered have no more resident than Wanted, in MiB.
	Wanted float64 `json:"wantedMiB"`
	Within bool    `json:"withinWanted"`
	Events int     `json:"eventsToEach"`
	// Complete is how many streams got every event, once and in order.
	Complete int `json:"completeStreams"`
	// Late is from the last change until the last stream had it, in milliseconds.
	Late float64 `json:"lastDeliveredAfterMs"`
	// Connections is how many it took: as many as streams, unless some broke.
	Connections int64 `json:"connections"`
}

// counting counts answers that have begun well.
type counting struct {
	http.RoundTripper

	begun atomic.Int64
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusOK {
		c.begun.Add(1)
	}
	return resp, err
}

// listener is a stream, and what came.
type listener struct {
	mu  sync.Mutex
	ids []string
	err error
}

func (l *listener) listen(ctx context.Context, from *client.Client, after string) {
	for e, err := range from.Events(ctx, client.EventsParams{After: after}) {
		l.mu.Lock()
		if err != nil && ctx.Err() == nil {
			l.err = err
		} else if err == nil {
			l.ids = append(l.ids, e.ID)
		}
		l.mu.Unlock()
	}
}

func (l *listener) got() (ids []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids, l.err
}

// measureStreams opens streams on an api that has just been started, and has things
// happen.
func measureStreams(ctx context.Context, bin string, n int, all []known) (*Streams, error) {
	c, stop, err := product{bin: bin}.start(ctx, 1, []string{"api"})
	if err != nil {
		return nil, err
	}
	defer stop()
	fmt.Fprintf(os.Stderr, "bench: %d streams are opened\n", n)
	s := &Streams{Streams: n, Wanted: wanted}
	if s.Before, err = memory(c.processes["api"].PID()); err != nil {
		return nil, err
	}
	var after string
	if err := c.pool.QueryRow(ctx, `SELECT id::text FROM events ORDER BY transaction DESC, id DESC LIMIT 1`).Scan(&after); err != nil {
		return nil, fmt.Errorf("read the last event: %w", err)
	}
	through := &counting{RoundTripper: &http.Transport{}}
	from, err := c.client(through, delivery) // all come at once: a busy api sends some away, to come again
	if err != nil {
		return nil, err
	}
	listeners := make([]listener, n)
	following, cancel := context.WithCancel(ctx)
	var open sync.WaitGroup
	defer open.Wait()
	defer cancel()
	for i := range listeners {
		open.Go(func() { listeners[i].listen(following, from, after) })
	}
	if err := wait(ctx, delivery, func() bool { return through.begun.Load() >= int64(n) }); err != nil {
		return nil, fmt.Errorf("%d of %d streams were opened: %w", through.begun.Load(), n, err)
	}
	if err := wait(ctx, heartbeats, nil); err != nil {
		return nil, err
	}
	if s.Open, err = memory(c.processes["api"].PID()); err != nil {
		return nil, err
	}
	if err := s.deliver(ctx, c, listeners, all, after); err != nil {
		return nil, err
	}
	s.Connections = through.begun.Load()
	if s.Delivered, err = memory(c.processes["api"].PID()); err != nil {
		return nil, err
	}
	s.PerStream = round((s.Open.Resident - s.Before.Resident) * 1024 / float64(n))
	s.Within = max(s.Open.Resident, s.Delivered.Resident) <= wanted
	return s, nil
}
