package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the command's flags.
type options struct {
	tenants     int
	concurrency []int
	bin         string
	// life lists numbers of tenants; empty measures provisioning.
	life []int
	api  apiOptions
	// sizes lists numbers of cores, and tune settings; empty measures something else, as
	// with the others.
	sizes []float64
	tune  []setting
	// migrate is of how many tenants a migration is measured.
	migrate int
	// backup is of how many tenants a backup is measured.
	backup int
	// table is the size of a large table of one of them, in MiB.
	table int
	// evict lists policies of Redis.
	evict []string
	// pace is tenants per channel; 0 measures something else.
	pace int
}

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse(args)
	if err != nil {
		return err
	}
	report := Report{
		Tenants: o.tenants, LedgerInterval: os.Getenv("LEDGER_INTERVAL"), Channels: os.Getenv("SOROBAN_CHANNELS"),
		Cores: runtime.NumCPU(), GoVersion: runtime.Version(), StartedAt: time.Now().UTC().Truncate(time.Second),
	}
	switch {
	case o.life != nil:
		report.Life, err = measureLife(ctx, o.bin, o.life, o.tenants)
	case o.api.wanted:
		report.API, err = measureAPI(ctx, o.bin, o.api)
	case o.sizes != nil:
		report.Sizes, err = measureSizes(ctx, o)
	case o.migrate > 0:
		report.Migration, err = measureMigration(ctx, o.migrate)
	case o.backup > 0:
		report.Backup, err = measureBackup(ctx, o.bin, o.backup, o.table)
	case o.tune != nil:
		report.Tuning, err = measureTuning(ctx, o)
	case o.evict != nil:
		report.Eviction, err = measureEviction(ctx, o)
	case o.pace > 0:
		report.Pace, err = measurePace(ctx, o.bin, o.pace)
	default:
		report.Runs, err = measureBoth(ctx, o)
	}
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(report)
}

// measureBoth measures the product and raw, at each concurrency.
func measureBoth(ctx context.Context, o options) ([]Run, error) {
	var all []Run
	for i, c := range o.concurrency {
		fmt.Fprintf(os.Stderr, "bench: %d tenants at concurrency %d, raw\n", o.tenants, c)
		raw, err := measureRaw(ctx, fmt.Sprintf("raw %d.%d", i, c), o.tenants, c)
		if err != nil {
			return nil, fmt.Errorf("raw at concurrency %d: %w", c, err)
		}
		fmt.Fprintf(os.Stderr, "bench: %d tenants at concurrency %d, through the API and Temporal\n", o.tenants, c)
		product, err := measureProduct(ctx, o.bin, fmt.Sprintf("product %d.%d", i, c), o.tenants, c)
		if err != nil {
			return nil, fmt.Errorf("product at concurrency %d: %w", c, err)
		}
		all = append(all, Run{
			Concurrency: c, Product: product, Raw: raw, OfRaw: round(product.TenantsPerSecond / raw.TenantsPerSecond),
		})
	}
	return all, nil
}

func parse(args []string) (options, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	self, err := os.Executable()
	if err != nil {
		return options{}, fmt.Errorf("find the own executable: %w", err)
	}
	n := flags.Int("n", 100, "tenants to provision at each concurrency, each way; with -life, to suspend and resume")
	life := flags.String("life", "", "measure suspend and resume instead, in a database of so many tenants: numbers, separated by commas, such as 100,10000")
	c := flags.String("c", "1,8,32", "concurrencies, separated by commas")
	bin := flags.String("bin", filepath.Dir(self), "directory of api and worker")
	o := options{}
	flags.Func("sizes", "measure one api and one worker with so many cores each instead: numbers, separated by commas, such as 0.5,1,2", func(s string) (err error) {
		o.sizes, err = parts(s)
		return err
	})
	flags.Func("tune", "measure provisioning with each of these settings of PostgreSQL, or in capitals of the product, instead: NAME=VALUE, separated by commas; needs a stack that keeps its data (DURABLE=1 make bench)", func(s string) (err error) {
		o.tune, err = settings(s)
		return err
	})
	flags.Func("evict", "measure what a full Redis does by each of these policies instead: names, separated by commas, such as allkeys-lru,noeviction; Redis loses what is in it", func(s string) error {
		o.evict = strings.Split(s, ",")
		return nil
	})
	flags.IntVar(&o.pace, "pace", 0, "measure how full the ledgers are instead: so many tenants for each channel arrive at once, such as 10; LEDGER_INTERVAL and SOROBAN_CHANNELS set the ledgers and the channels")
	flags.IntVar(&o.backup, "backup", 0, "measure a backup of so many tenants instead, beside pg_dump of a sample and a plain loop")
	flags.IntVar(&o.table, "table", 0, "with -backup: one tenant has a table of so many MiB as well, and nothing else is measured")
	flags.IntVar(&o.migrate, "migrate", 0, "measure a file on the schemas of so many tenants instead, by a plain loop and by a fleet run")
	o.api.bind(flags)
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	o.tenants, o.bin = *n, *bin
	if o.concurrency, err = numbers(*c); err != nil {
		return options{}, fmt.Errorf("-c: %w", err)
	}
	if *life != "" {
		if o.life, err = numbers(*life); err != nil {
			return options{}, fmt.Errorf("-life: %w", err)
		}
	}
	if err := o.api.validate(); err != nil {
		return options{}, err
	}
	if err := o.validate(); err != nil {
		return options{}, err
	}
	if os.Getenv("DB_HOST") == "" {
		return options{}, errors.New("the settings of a stack are missing; run: make bench")
	}
	return o, nil
}

func (o options) validate() error {
	modes := 0
	for _, wanted := range []bool{o.api.wanted, o.life != nil, o.sizes != nil, o.tune != nil, o.evict != nil, o.migrate > 0, o.backup > 0, o.pace != 0} {
		if wanted {
			modes++
		}
	}
	switch {
	case modes > 1:
		return errors.New("-api, -life, -sizes, -tune, -evict, -migrate, -backup and -pace: measure one at a time")
	case o.tune != nil && len(o.concurrency) != 1:
		return errors.New("-tune: name one concurrency, such as -c 8")
	case !o.api.wanted && o.api.rounds == 0:
		return errors.New("-rounds: at least one")
	case o.pace < 0:
		return errors.New("-pace: at least one tenant for each channel")
	case o.tenants < 1:
		return errors.New("-n: at least one tenant")
	case o.life != nil && (!slices.IsSorted(o.life) || o.life[0] < o.tenants):
		return errors.New("-life: the numbers must grow, and begin with -n at least")
	}
	return nil
}

// numbers reads some that are positive, separated by commas.
func numbers(list string) ([]int, error) {
	var all []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a positive number", s)
		}
		all = append(all, n)
	}
	return all, nil
}
