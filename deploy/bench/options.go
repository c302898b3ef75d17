package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	// peers lists them, and quick is a short look at one of them.
	peers []string
	quick bool
	// scale lists numbers of tenants that there are already, and ledger numbers of channels.
	scale, ledger []int
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
	flags.IntVar(&o.backup, "backup", 0, "measure a backup of so many tenants instead, beside pg_dump of a sample and a plain loop, and then a drill")
	flags.IntVar(&o.table, "table", 0, "with -backup: one tenant has a table of so many MiB as well; pg_dump and the loop are left out")
	flags.IntVar(&o.migrate, "migrate", 0, "measure a file on the schemas of so many tenants instead, by a plain loop and by a fleet run")
	o.besides(flags)
	o.api.bind(flags)
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	o.tenants, o.bin = *n, *bin
	if o.concurrency, err = numbers(*c); err != nil {
		return options{}, fmt.Errorf("-c: %w", err)
	}
	o.shorten(flags)
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

// besides are the flags of what compares the product with others, or with itself at
// another size.
func (o *options) besides(flags *flag.FlagSet) {
	flags.BoolFunc("peers", "measure raw, the product and peers in turns instead, the same steps by other engines: all of them, or -peers=dbos,river,temporal", func(s string) (err error) {
		o.peers, err = named(s)
		return err
	})
	flags.BoolVar(&o.quick, "quick", false, "measure raw, the product and DBOS in turns instead, in a few minutes: -peers=dbos -c 8 -n 50 -rounds 2")
	flags.Func("scale", "measure provisioning, one tenant at a time, in a database of so many instead: numbers, separated by commas, such as 100,10000", func(s string) (err error) {
		o.scale, err = numbers(s)
		return err
	})
	flags.Func("ledger", "measure how full the ledgers are with so many channels each instead: numbers, separated by commas, such as 8,32; LEDGER_INTERVAL sets the ledgers, and SOROBAN_CHANNELS how many channels there are", func(s string) (err error) {
		o.ledger, err = numbers(s)
		return err
	})
}

// shorten sets defaults that keep these modes to a few minutes, for the flags that are not
// set.
func (o *options) shorten(flags *flag.FlagSet) {
	set := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { set[f.Name] = true })
	or := func(name string, to *int, value int) {
		if !set[name] {
			*to = value
		}
	}
	switch {
	case o.quick:
		o.peers = []string{"dbos"}
		or("n", &o.tenants, 50)
		or("rounds", &o.api.rounds, 2)
		if !set["c"] {
			o.concurrency = []int{8}
		}
	case o.peers != nil:
		or("rounds", &o.api.rounds, 3)
		if !set["c"] {
			o.concurrency = []int{8, 32}
		}
	case o.scale != nil:
		or("n", &o.tenants, 20)
		or("rounds", &o.api.rounds, 3)
	}
}

func (o options) validate() error {
	modes := 0
	for _, wanted := range []bool{
		o.api.wanted, o.life != nil, o.sizes != nil, o.tune != nil, o.evict != nil, o.migrate > 0, o.backup > 0, o.pace != 0,
		o.peers != nil, o.scale != nil, o.ledger != nil,
	} {
		if wanted {
			modes++
		}
	}
	switch {
	case modes > 1:
		return errors.New("-api, -life, -sizes, -tune, -evict, -migrate, -backup, -pace, -peers or -quick, -scale and -ledger: measure one at a time")
	case o.tune != nil && len(o.concurrency) != 1:
		return errors.New("-tune: name one concurrency, such as -c 8")
	case !o.api.wanted && o.api.rounds == 0:
		return errors.New("-rounds: at least one")
	case o.pace < 0:
		return errors.New("-pace: at least one tenant for each channel")
	case o.tenants < 1:
		return errors.New("-n: at least one tenant")
	case o.scale != nil && !slices.IsSorted(o.scale):
		return errors.New("-scale: the numbers must grow")
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
