package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Beside is the product beside the peers and beside raw: the same steps, called by other
// engines on the same servers.
type Beside struct {
	Rounds int `json:"rounds"`
	// WarmUp is how many tenants each way provisions before it is measured, each time.
	WarmUp string `json:"warmUp"`
	Ways   []Way  `json:"ways"`
}

// Way is one way of doing the work, so many tenants at a time.
type Way struct {
	Name        string `json:"name"`
	Concurrency int    `json:"concurrency"`
	PerSecond   Spread `json:"tenantsPerSecond"`
	// Of are the throughputs as parts of others' at the same concurrency, round by round.
	Of map[string]Spread `json:"of"`
	// Latencies from the request to ACTIVE, in milliseconds.
	P50 Spread `json:"p50ms"`
	P95 Spread `json:"p95ms"`
	P99 Spread `json:"p99ms"`
	// CPU is milliseconds of CPU per tenant by process. Temporal's server uses some while
	// nobody asks it for anything; how much, the ways without it show.
	CPU map[string]Spread `json:"cpuMillisecondsPerTenant"`
	// Memory is what the programs of this way held at the end of the round in which that
	// was most.
	Memory map[string]Memory `json:"memory,omitempty"`
	// Each is what was counted after each round; all rounds have the same.
	Each Counted `json:"each"`
}

const (
	byRaw     = "raw"
	byProduct = "product"
)

// peers are those that there are, each a program of deploy/bench/peers.
var peers = []string{"dbos", "river", "temporal"}

// way is what a turn measures.
type way struct {
	name        string
	concurrency int
}

func (w way) String() string { return fmt.Sprintf("%s, %d in flight", w.name, w.concurrency) }

// warmUp is how many tenants are provisioned before those that are measured: they make
// connections, and fill what programs and servers keep in memory.
func (w way) warmUp() int { return max(16, 2*w.concurrency) }

// found is what one turn has found.
type found struct {
	Result

	memory  map[string]Memory
	counted Counted
}

// measurePeers takes raw, the product and the peers in turns.
func measurePeers(ctx context.Context, o options) (*Beside, error) {
	if err := pauseReconciler(ctx); err != nil {
		return nil, err
	}
	count, err := newTally(ctx)
	if err != nil {
		return nil, err
	}
	defer count.Close()
	var ways []way
	for _, c := range o.concurrency {
		for _, name := range append([]string{byRaw, byProduct}, o.peers...) {
			ways = append(ways, way{name, c})
		}
	}
	turn := 0
	all, err := inTurns(ctx, o.api.rounds, ways, func(w way, _ int) (found, error) {
		turn++ // names of tenants are used once
		return o.beside(ctx, w, count, fmt.Sprintf("turn %d", turn))
	})
	if err != nil {
		return nil, err
	}
	report := &Beside{Rounds: len(all[0]), WarmUp: "twice as many as are in flight, 16 at least"}
	for i, w := range ways {
		report.Ways = append(report.Ways, w.report(ways, all, i))
	}
	return report, nil
}

// beside measures one way once.
func (o options) beside(ctx context.Context, w way, count *tally, label string) (f found, err error) {
	s, err := o.start(ctx, w)
	if err != nil {
		return f, err
	}
	defer s.stop()
	if _, err := drive(ctx, label+" lead", w.warmUp(), w.concurrency, s.provision); err != nil {
		return f, err
	}
	before, err := count.begin(ctx, s, w.warmUp())
	if err != nil {
		return f, err
	}
	if f.Result, err = drive(ctx, label, o.tenants, w.concurrency, s.provision); err != nil {
		return f, err
	}
	f.memory = map[string]Memory{}
	for name, pid := range s.processes {
		if f.memory[name], err = memory(pid); err != nil {
			return f, err
		}
	}
	f.counted, err = count.end(ctx, s, before, label, o.tenants)
	return f, err
}

// working is a way that has been started.
type working struct {
	provision func(context.Context, tenant.Spec) (time.Duration, error)
	// processes are the programs of this way alone, by their names.
	processes map[string]int
	// runs counts those that have succeeded, as the engine has it; nil where the row of
	// the operation is all there is.
	runs func(context.Context) (int, error)
	stop func()
}

func (o options) start(ctx context.Context, w way) (working, error) {
	switch w.name {
	case byRaw:
		p, stop, err := newPlain(ctx)
		return working{provision: p.provision, stop: stop}, err
	case byProduct:
		c, stop, err := product{bin: o.bin}.start(ctx, w.concurrency, both)
		if err != nil {
			return working{}, err
		}
		processes := map[string]int{}
		for name, p := range c.processes {
			processes[name] = p.PID()
		}
		return working{provision: c.provision, processes: processes, stop: stop}, nil
	}
	return startPeer(ctx, o.bin, w)
}

// report puts the rounds of one way together, and compares them with the others'.
func (w way) report(ways []way, all [][]found, i int) Way {
	rounds := all[i]
	r := Way{
		Name: w.name, Concurrency: w.concurrency, Each: rounds[0].counted,
		Of: map[string]Spread{}, CPU: map[string]Spread{}, Memory: map[string]Memory{},
		PerSecond: over(rounds, func(f found) float64 { return f.TenantsPerSecond }),
		P50:       over(rounds, func(f found) float64 { return f.P50 }),
		P95:       over(rounds, func(f found) float64 { return f.P95 }),
		P99:       over(rounds, func(f found) float64 { return f.P99 }),
	}
	for j, other := range ways {
		if other.concurrency != w.concurrency || other.name == w.name || other.name == byProduct {
			continue
		}
		ratios := make([]float64, len(rounds))
		for round := range rounds {
			ratios[round] = rounds[round].TenantsPerSecond / all[j][round].TenantsPerSecond
		}
		r.Of[other.name] = spread(ratios)
	}
	for _, f := range rounds {
		for name := range f.CPUPerTenant {
			r.CPU[name] = over(rounds, func(f found) float64 { return f.CPUPerTenant[name] * 1000 })
		}
		for name, m := range f.memory {
			if m.Resident > r.Memory[name].Resident {
				r.Memory[name] = m
			}
		}
	}
	return r
}

// named reads the names of peers, separated by commas.
func named(list string) ([]string, error) {
	if list == "true" { // the flag alone
		return peers, nil
	}
	all := strings.Split(list, ",")
	for _, name := range all {
		if !slices.Contains(peers, name) {
			return nil, fmt.Errorf("%q is none of %s", name, strings.Join(peers, ", "))
		}
	}
	return all, nil
}
