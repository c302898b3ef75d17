package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Sizes is what one api and one worker do with so many cores each, beside a database, a
// Temporal server and a ledger that have the rest of the machine.
type Sizes struct {
	LimitedBy string `json:"limitedBy"`
	Rounds    int    `json:"rounds"`
	Sizes     []Size `json:"sizes"`
}

// Size is one of them.
type Size struct {
	Cores        float64        `json:"cores"`
	Provisioning []Provisioning `json:"provisioning"`
	// Reads are those of -api, as fast as they are answered.
	Reads Serving `json:"reads"`
}

// Provisioning is some tenants, so many of them at a time.
type Provisioning struct {
	Concurrency int    `json:"concurrency"`
	PerMinute   Spread `json:"tenantsPerMinute"`
	// Latencies from the request to ACTIVE, in milliseconds.
	P50 Spread `json:"p50ms"`
	P95 Spread `json:"p95ms"`
	// CPU is milliseconds of CPU per tenant by process, the median of the rounds.
	CPU map[string]float64 `json:"cpuMillisecondsPerTenant"`
}

// Serving is requests, so many of them at a time.
type Serving struct {
	Concurrency int    `json:"concurrency"`
	PerSecond   Spread `json:"perSecond"`
	P50         Spread `json:"p50ms"`
	P95         Spread `json:"p95ms"`
}

// sized is what one round has found of one size.
type sized struct {
	provisioning []Result // by concurrency
	reads        served
}

// readers is how many requests are under way at a time.
const readers = 16

// measureSizes gives api and worker different limits, in turns.
func measureSizes(ctx context.Context, o options) (*Sizes, error) {
	if err := pauseReconciler(ctx); err != nil {
		return nil, err
	}
	l := newLimiter("/sys/fs/cgroup")
	all, err := inTurns(ctx, o.api.rounds, o.sizes, func(cores float64, round int) (sized, error) {
		return o.sized(ctx, product{bin: o.bin, cores: cores, limiter: l}, fmt.Sprintf("size %v %d", cores, round))
	})
	if err != nil {
		return nil, err
	}
	report := &Sizes{LimitedBy: l.by, Rounds: len(all[0])}
	for i, cores := range o.sizes {
		report.Sizes = append(report.Sizes, o.size(cores, all[i]))
	}
	return report, nil
}

func (o options) sized(ctx context.Context, p product, label string) (sized, error) {
	c, stop, err := p.start(ctx, slices.Max(o.concurrency), both)
	if err != nil {
		return sized{}, err
	}
	defer stop()
	// The first tenants make connections.
	if _, err := drive(ctx, label+" lead", slices.Max(o.concurrency), slices.Max(o.concurrency), c.provision); err != nil {
		return sized{}, err
	}
	var s sized
	for _, at := range o.concurrency {
		r, err := drive(ctx, fmt.Sprintf("%s at %d", label, at), o.tenants, at, c.provision)
		if err != nil {
			return sized{}, err
		}
		s.provisioning = append(s.provisioning, r)
	}
	known, err := c.known(ctx)
	if err != nil {
		return sized{}, err
	}
	s.reads, err = c.serve(ctx, o.api.window, mix(known, readers*1000, 1))
	return s, err
}

// served is requests, and what they took.
type served struct{ perSecond, p50, p95 float64 }

// serve asks for as much as is answered, readers at a time, again and again the same
// requests.
func (c *caller) serve(ctx context.Context, window time.Duration, requests []asking) (served, error) {
	send, stop := c.sender()
	defer stop()
	took := make([][]time.Duration, readers)
	failed := make([]error, readers)
	began := time.Now()
	var busy sync.WaitGroup
	for r := range readers {
		busy.Go(func() {
			for i := r; failed[r] == nil && time.Since(began) < window; i += readers {
				asked := time.Now()
				failed[r] = send(ctx, requests[i%len(requests)])
				took[r] = append(took[r], time.Since(asked))
			}
		})
	}
	busy.Wait()
	elapsed := time.Since(began)
	all := slices.Concat(took...)
	slices.Sort(all)
	return served{float64(len(all)) / elapsed.Seconds(), percentile(all, 50), percentile(all, 95)}, errors.Join(failed...)
}

// size puts the rounds of one size together.
func (o options) size(cores float64, rounds []sized) Size {
	s := Size{Cores: cores, Reads: Serving{
		Concurrency: readers,
		PerSecond:   over(rounds, func(r sized) float64 { return r.reads.perSecond }),
		P50:         over(rounds, func(r sized) float64 { return r.reads.p50 }),
		P95:         over(rounds, func(r sized) float64 { return r.reads.p95 }),
	}}
	for i, at := range o.concurrency {
		p := Provisioning{
			Concurrency: at, CPU: map[string]float64{},
			PerMinute: over(rounds, func(r sized) float64 { return r.provisioning[i].TenantsPerSecond * 60 }),
			P50:       over(rounds, func(r sized) float64 { return r.provisioning[i].P50 }),
			P95:       over(rounds, func(r sized) float64 { return r.provisioning[i].P95 }),
		}
		for name := range rounds[0].provisioning[i].CPUPerTenant {
			p.CPU[name] = over(rounds, func(r sized) float64 { return r.provisioning[i].CPUPerTenant[name] * 1000 }).Median
		}
		s.Provisioning = append(s.Provisioning, p)
	}
	return s
}

// parts reads numbers of cores, separated by commas.
func parts(list string) ([]float64, error) {
	var all []float64
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || !(n >= 0.01 && n <= 1000) { // NaN neither
			return nil, fmt.Errorf("%q is not a number of cores", s)
		}
		all = append(all, n)
	}
	return all, nil
}
