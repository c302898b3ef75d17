package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
)

// restartTimeout bounds a restart of PostgreSQL: it writes a checkpoint, and the stack
// starts it again.
const restartTimeout = time.Minute

// Tuning is what settings do for provisioning, each alone against none of them, which
// is measured in every round too.
type Tuning struct {
	Rounds      int `json:"rounds"`
	Concurrency int `json:"concurrency"`
	// PerSecond, P95 and CPU are those without a setting.
	PerSecond Spread   `json:"tenantsPerSecond"`
	P95       Spread   `json:"p95ms"`
	CPU       Spread   `json:"postgresCPUMillisecondsPerTenant"`
	Effects   []Effect `json:"effects"`
}

// Effect is what one setting does: its figures as parts of those without it, round by
// round.
type Effect struct {
	Setting   string `json:"setting"`
	PerSecond Spread `json:"tenantsPerSecondRatio"`
	P95       Spread `json:"p95Ratio"`
	CPU       Spread `json:"postgresCPURatio"`
	Says      string `json:"says"`
}

// setting is one of PostgreSQL's or, in capitals, of the product's; the empty one is
// none.
type setting struct{ name, value string }

func (s setting) String() string {
	if s.name == "" {
		return "none"
	}
	return s.name + "=" + s.value
}

// ofProduct tells whose it is.
func (s setting) ofProduct() bool { return strings.ToUpper(s.name) == s.name }

// settings reads NAME=VALUE, separated by commas.
func settings(list string) ([]setting, error) {
	var all []setting
	for s := range strings.SplitSeq(list, ",") {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" || strings.ContainsAny(name, `"' `) {
			return nil, fmt.Errorf("%q is not NAME=VALUE", s)
		}
		all = append(all, setting{name, value})
	}
	return all, nil
}

// measureTuning takes the settings in turns, with the product started anew for each.
func measureTuning(ctx context.Context, o options) (*Tuning, error) {
	if err := pauseReconciler(ctx); err != nil {
		return nil, err
	}
	// None of them twice: the second tells how far rounds differ by themselves.
	ways := append([]setting{{}, {}}, o.tune...)
	turn := 0
	all, err := inTurns(ctx, o.api.rounds, ways, func(s setting, _ int) (Result, error) {
		turn++ // names of tenants are used once
		return o.tuned(ctx, s, fmt.Sprintf("tuning %d", turn))
	})
	if err != nil {
		return nil, err
	}
	t := &Tuning{
		Rounds: len(all[0]), Concurrency: o.concurrency[0],
		PerSecond: over(all[0], perSecond), P95: over(all[0], p95), CPU: over(all[0], ofPostgres),
	}
	for i, way := range ways[1:] {
		t.Effects = append(t.Effects, effect(way, all[i+1], all[0]))
	}
	return t, nil
}

// tuned measures one setting once.
func (o options) tuned(ctx context.Context, s setting, label string) (Result, error) {
	p := product{bin: o.bin}
	ofServer := s
	if s.ofProduct() && s.name != "" {
		p.settings, ofServer = []string{s.String()}, setting{}
	}
	if err := apply(ctx, ofServer); err != nil {
		return Result{}, err
	}
	c, stop, err := p.start(ctx, o.concurrency[0], both)
	if err != nil {
		return Result{}, err
	}
	defer stop()
	// The first tenants make connections, and fill what the server keeps in memory.
	if _, err := drive(ctx, label+" lead", 2*o.concurrency[0], o.concurrency[0], c.provision); err != nil {
		return Result{}, err
	}
	return drive(ctx, label, o.tenants, o.concurrency[0], c.provision)
}

// apply gives the stack's PostgreSQL one setting beside its own, or none. It is started
// anew only for those that need it: Temporal is slow for a while afterwards, and that
// would be measured.
func apply(ctx context.Context, s setting) error {
	ctx, cancel := context.WithTimeout(ctx, restartTimeout)
	defer cancel()
	cfg, err := config.Load(config.Options{}, config.NeedDB)
	if err != nil {
		return err
	}
	pool, err := connect.Database(ctx, cfg.DB, "bench", connect.Metrics{})
	if err != nil {
		return err
	}
	defer pool.Close()
	change := []string{`ALTER SYSTEM RESET ALL`}
	if s.name != "" {
		change = append(change, fmt.Sprintf(`ALTER SYSTEM SET "%s" = '%s'`, s.name, strings.ReplaceAll(s.value, "'", "''")))
	}
	for _, statement := range append(change, `CHECKPOINT`) {
		if _, err := pool.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	waits, err := reload(ctx, pool)
	if err == nil && waits {
		err = restart(ctx, pool)
	}
	if err != nil {
		return err
	}
	return inForce(ctx, pool, s)
}

// reload has the server read its configuration, and tells whether something in it waits
// for a restart.
func reload(ctx context.Context, pool *pgxpool.Pool) (waits bool, err error) {
	var before time.Time
	if err := pool.QueryRow(ctx, `SELECT pg_conf_load_time() FROM pg_reload_conf()`).Scan(&before); err != nil {
		return false, fmt.Errorf("reload PostgreSQL's configuration: %w", err)
	}
	err = wait(ctx, restartTimeout, func() bool {
		var read bool
		err := pool.QueryRow(ctx, `SELECT pg_conf_load_time() > $1, bool_or(pending_restart) FROM pg_settings`, before).Scan(&read, &waits)
		return err == nil && read
	})
	return waits, err
}

// restart ends PostgreSQL, and waits until the stack has started it again.
func restart(ctx context.Context, pool *pgxpool.Pool) error {
	before, err := started(ctx, pool)
	if err != nil {
		return fmt.Errorf("ask when PostgreSQL was started: %w", err)
	}
	var file string
	if err := pool.QueryRow(ctx, `SELECT pg_read_file('postmaster.pid')`).Scan(&file); err != nil {
		return fmt.Errorf("ask for PostgreSQL's process: %w", err)
	}
	first, _, _ := strings.Cut(file, "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return fmt.Errorf("ask for PostgreSQL's process: %w", err)
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	err = wait(ctx, restartTimeout, func() bool {
		now, err := started(ctx, pool)
		return err == nil && now.After(before)
	})
	if err != nil {
		return fmt.Errorf("PostgreSQL is not started again; that takes DEVSTACK_ISOLATE=1: %w", err)
	}
	return nil
}

func started(ctx context.Context, pool *pgxpool.Pool) (at time.Time, err error) {
	return at, pool.QueryRow(ctx, `SELECT pg_postmaster_start_time()`).Scan(&at)
}

// inForce reports a setting that something else overrules, such as the stack's own.
func inForce(ctx context.Context, pool *pgxpool.Pool, s setting) error {
	if s.name == "" {
		return nil
	}
	var source string
	if err := pool.QueryRow(ctx, `SELECT source FROM pg_settings WHERE name = $1`, s.name).Scan(&source); err != nil {
		return fmt.Errorf("ask whether %s is in force: %w", s, err)
	}
	// The product sets some itself, for its own sessions.
	if source != "configuration file" && source != "session" {
		return errors.New(s.String() + " is not in force: the server has it from the " + source)
	}
	return nil
}

func perSecond(r Result) float64  { return r.TenantsPerSecond }
func p95(r Result) float64        { return r.P95 }
func ofPostgres(r Result) float64 { return r.CPUPerTenant["postgres"] * 1000 }

// effect compares rounds with a setting with those without.
func effect(s setting, with, without []Result) Effect {
	ratio := func(figure func(Result) float64) Spread {
		all := make([]float64, len(with))
		for i := range with {
			all[i] = figure(with[i]) / figure(without[i])
		}
		return spread(all)
	}
	e := Effect{Setting: s.String(), PerSecond: ratio(perSecond), P95: ratio(p95), CPU: ratio(ofPostgres)}
	var said []string
	for _, f := range []struct {
		name string
		is   Spread
	}{{"tenants a second", e.PerSecond}, {"p95", e.P95}, {"CPU of PostgreSQL", e.CPU}} {
		switch {
		case f.is.less():
			said = append(said, "less "+f.name)
		case f.is.more():
			said = append(said, "more "+f.name)
		}
	}
	if e.Says = strings.Join(said, ", "); e.Says == "" {
		e.Says = string(undecided)
	}
	return e
}
