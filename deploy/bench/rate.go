package main

import (
	"context"
	"sync"
	"time"
)

// schedule says when requests arrive: one after the other at equal distances, whether
// those before were answered or not.
type schedule struct {
	rate   int // a second
	window time.Duration
}

func (s schedule) count() int { return int(int64(s.rate) * int64(s.window) / int64(time.Second)) }

// at is when a request arrives, from the beginning.
func (s schedule) at(i int) time.Duration {
	return time.Duration(i) * time.Second / time.Duration(s.rate)
}

// sample is what became of the requests of one schedule, by their numbers.
type sample struct {
	// took counts from when a request was to arrive: if it waited before it was sent,
	// its caller waited too.
	took     []time.Duration
	failed   []error
	requests []asking
	elapsed  time.Duration
	used     cpu
	// asked is what the api's cache has counted, by where answers came from.
	asked map[string]float64
}

// arrive sends requests on a schedule and waits for all answers.
func (s schedule) arrive(ctx context.Context, send func(ctx context.Context, i int) error) (sample, error) {
	got := sample{took: make([]time.Duration, s.count()), failed: make([]error, s.count())}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var sent sync.WaitGroup
	defer sent.Wait()
	began := time.Now()
	for i := range got.took {
		due := began.Add(s.at(i))
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return sample{}, ctx.Err()
		case <-timer.C:
		}
		sent.Go(func() {
			got.failed[i] = send(ctx, i)
			got.took[i] = time.Since(due)
		})
	}
	sent.Wait()
	got.elapsed = time.Since(began)
	return got, ctx.Err()
}
