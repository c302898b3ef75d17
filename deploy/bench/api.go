package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
)

const (
	// lead is how long a rate runs before it is measured, and cacheLead that with the
	// cache: as long as an answer is kept (CACHE_MAX_AGE), so that the cache is as full
	// as that rate keeps it.
	lead, cacheLead = 2 * time.Second, 10 * time.Second
	// postRate is at how many a second tenants are created.
	postRate = 100
)

// apiOptions are the flags of -api.
type apiOptions struct {
	wanted  bool
	rates   []int
	rounds  int
	window  time.Duration
	size    int
	streams int
}

func (o *apiOptions) bind(flags *flag.FlagSet) {
	o.rates = []int{100, 500, 1000, 2000}
	flags.BoolVar(&o.wanted, "api", false, "measure the API instead: reads with and without the cache, creations, and streams of events")
	flags.Func("rates", "with -api: requests a second, separated by commas (default 100,500,1000,2000)", func(s string) (err error) {
		o.rates, err = numbers(s)
		return err
	})
	flags.IntVar(&o.rounds, "rounds", 5, "with -api, -sizes, -tune and -evict: how often all is measured, in turns; with -api 0 leaves the reads out")
	flags.DurationVar(&o.window, "for", 5*time.Second, "with -api, -sizes and -evict: how long each rate, size or policy is measured each time")
	flags.IntVar(&o.size, "size", 5000, "with -api: tenants in the database")
	flags.IntVar(&o.streams, "streams", 1000, "with -api: streams of events that are open")
}

func (o *apiOptions) validate() error {
	switch {
	case !slices.IsSorted(o.rates):
		return errors.New("-rates: the numbers must grow")
	case o.rounds < 0 || o.size < 1 || o.streams < 1:
		return errors.New("-rounds must not be negative, -size and -streams not below one")
	case o.window < time.Second:
		return errors.New("-for: at least 1s, for CPU is counted in hundredths of a second")
	}
	return nil
}

// measureAPI measures the api alone: no worker runs. The api accepts tenants without
// one, and what a worker does with them would be measured instead.
func measureAPI(ctx context.Context, bin string, o apiOptions) (*API, error) {
	if err := pauseReconciler(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "bench: the database is filled up to %d tenants\n", o.size)
	if err := fill(ctx, o.size, o.size); err != nil {
		return nil, fmt.Errorf("fill the database up to %d tenants: %w", o.size, err)
	}
	m := &measuring{apiOptions: o, bin: bin, samples: map[point][]sample{}}
	var err error
	if m.idle, m.all, err = settle(ctx, bin); err != nil {
		return nil, err
	}
	for round := range o.rounds {
		for i := range 2 { // which of both is first changes
			if err := m.turn(ctx, round, (round+i)%2 == 0); err != nil {
				return nil, fmt.Errorf("with CACHE_ENABLED=%t: %w", (round+i)%2 == 0, err)
			}
		}
	}
	report := &API{Size: o.size, Rounds: o.rounds, Seconds: o.window.Seconds(), Idle: m.idle, Reads: m.comparisons()}
	report.Verdict = verdict(report.Reads)
	if report.Creations, err = m.creations(ctx); err != nil {
		return nil, fmt.Errorf("create tenants: %w", err)
	}
	if report.Streams, err = measureStreams(ctx, bin, o.streams, m.all); err != nil {
		return nil, fmt.Errorf("follow events: %w", err)
	}
	return report, nil
}

// settle waits until the database has come to rest after it was filled, measures the
// idle stack, and lists what there is to ask for.
func settle(ctx context.Context, bin string) (rates cpu, all []known, err error) {
	c, stop, err := product{bin: bin}.start(ctx, 1, []string{"api"})
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	if _, err := c.pool.Exec(ctx, `VACUUM ANALYZE`); err != nil { // or it comes while something is measured
		return nil, nil, fmt.Errorf("vacuum the database: %w", err)
	}
	if all, err = c.known(ctx); err != nil {
		return nil, nil, err
	}
	rates, err = idle(ctx)
	return rates, all, err
}
