package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/tenant"
)

// Pace is how full the ledgers are while a burst of tenants is provisioned.
type Pace struct {
	Channels int `json:"channels"`
	Tenants  int `json:"tenants"`
	// FirstAfter is seconds from the first request until a ledger held a contract, and
	// LastAfter until the last one did.
	FirstAfter float64 `json:"firstContractAfterSeconds"`
	LastAfter  float64 `json:"lastContractAfterSeconds"`
	// PerLedger counts the contracts in each ledger, from the first that held one to the
	// last.
	PerLedger []int `json:"contractsPerLedger"`
	// OfChannels is contracts per ledger as a part of the channels: each can deploy one.
	OfChannels float64 `json:"ofChannels"`
	// OfFull is the same without the last ledger, which holds what is left.
	OfFull float64 `json:"ofChannelsWithoutTheLast"`
	// CoresBusy is how many of the machine's cores all of this has kept busy: when it is
	// nearly all of them, these are what decides.
	CoresBusy float64 `json:"coresBusy"`
	// CPUPerTenant is as in Result.
	CPUPerTenant map[string]float64 `json:"cpuSecondsPerTenant"`
}

// askers is how many of a burst's requests are under way at a time.
const askers = 16

// measurePace has so many tenants per channel provisioned as arrive at once.
func measurePace(ctx context.Context, bin string, perChannel int) (*Pace, error) {
	cfg, err := config.Load(config.Options{}, connect.NeedBySteps)
	if err != nil {
		return nil, err
	}
	p := Pace{Channels: cfg.Soroban.Channels, Tenants: perChannel * cfg.Soroban.Channels}
	if err := p.measure(ctx, product{bin: bin}); err != nil {
		return nil, err
	}
	return &p, nil
}

// measureLedgers has the same number of tenants provisioned at once with each number of
// channels.
func measureLedgers(ctx context.Context, o options) ([]Pace, error) {
	cfg, err := config.Load(config.Options{}, connect.NeedBySteps)
	if err != nil {
		return nil, err
	}
	if most := slices.Max(o.ledger); most > cfg.Soroban.Channels {
		return nil, fmt.Errorf("-ledger: %d channels, and the stack was set up with %d; start it with SOROBAN_CHANNELS=%d", most, cfg.Soroban.Channels, most)
	}
	if err := pauseReconciler(ctx); err != nil {
		return nil, err
	}
	var all []Pace
	for _, channels := range o.ledger {
		p := Pace{Channels: channels, Tenants: o.tenants}
		if err := p.measure(ctx, product{bin: o.bin, settings: []string{fmt.Sprintf("SOROBAN_CHANNELS=%d", channels)}}); err != nil {
			return nil, fmt.Errorf("with %d channels: %w", channels, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// measure has the tenants provisioned, and fills in what is found.
func (p *Pace) measure(ctx context.Context, with product) error {
	c, stop, err := with.start(ctx, askers, both)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintf(os.Stderr, "bench: %d tenants at once, on %d channels\n", p.Tenants, p.Channels)
	before, err := readCPU()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := c.burst(ctx, p); err != nil {
		return err
	}
	elapsed := time.Since(began)
	after, err := readCPU()
	if err != nil {
		return err
	}
	if err := c.count(ctx, p, began); err != nil {
		return err
	}
	p.CPUPerTenant = result(make([]time.Duration, p.Tenants), elapsed, before, after).CPUPerTenant
	for _, seconds := range p.CPUPerTenant {
		p.CoresBusy += seconds * float64(p.Tenants) / elapsed.Seconds()
	}
	p.CoresBusy = round(p.CoresBusy)
	return nil
}

// burst asks for tenants as fast as the api accepts them, and waits until all are
// provisioned.
func (c *caller) burst(ctx context.Context, p *Pace) error {
	accepted := make([]client.Operation, p.Tenants)
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(askers)
	for i := range accepted {
		group.Go(func() (err error) {
			accepted[i], err = c.create(tenant.Spec{
				Name: fmt.Sprintf("Benchmark clinic of a burst on %d channels %d", p.Channels, i),
				Administrator: tenant.Administrator{
					Email: fmt.Sprintf("admin.%d@clinic.example", i), FirstName: "Ada", LastName: "Lovelace",
				},
			})(asking)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	group, ending := errgroup.WithContext(ctx)
	group.SetLimit(askers) // one at a time would end long after the last tenant
	for _, o := range accepted {
		group.Go(func() error {
			_, err := c.succeed(ending, func(context.Context) (client.Operation, error) { return o, nil })
			return err
		})
	}
	return group.Wait()
}

// count reads from the journal which ledgers hold the contracts made since began; the
// database's clock is this machine's.
func (c *caller) count(ctx context.Context, p *Pace, began time.Time) error {
	rows, err := c.pool.Query(ctx, `
		SELECT ledger, count(*)::int, min(settled_at), max(settled_at) FROM stellar_transactions
		WHERE purpose = 'DEPLOY_CONTRACT' AND state = 'APPLIED' AND created_at >= $1 GROUP BY ledger ORDER BY ledger`, began)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	type ledger struct {
		Number, Contracts int
		First, Last       time.Time
	}
	ledgers, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ledger])
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if len(ledgers) == 0 {
		return fmt.Errorf("%d tenants are active, and the journal has no contract of them", p.Tenants)
	}
	first, last := ledgers[0], ledgers[len(ledgers)-1]
	p.PerLedger = make([]int, last.Number-first.Number+1)
	for _, l := range ledgers {
		p.PerLedger[l.Number-first.Number] = l.Contracts
	}
	p.FirstAfter, p.LastAfter = round(first.First.Sub(began).Seconds()), round(last.Last.Sub(began).Seconds())
	p.OfChannels = round(float64(p.Tenants) / float64(len(p.PerLedger)) / float64(p.Channels))
	if full := p.PerLedger[:len(p.PerLedger)-1]; len(full) > 0 {
		p.OfFull = round(float64(p.Tenants-last.Contracts) / float64(len(full)) / float64(p.Channels))
	}
	return nil
}
