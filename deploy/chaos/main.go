package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// options are the command's flags.
type options struct {
	seed    uint64
	rounds  int
	tenants int
	pids    string
	bin     string
	limit   time.Duration
}

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
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
	c, err := begin(ctx, o)
	if err != nil {
		return err
	}
	defer c.close()
	r := report{options: o, plan: newPlan(o.seed, o.rounds, o.tenants), began: time.Now()}
	fmt.Fprintf(os.Stderr, "chaos: SEED=%d ROUNDS=%d N=%d\n", o.seed, o.rounds, o.tenants)
	var lives sync.WaitGroup
	living, giveUp := context.WithCancel(ctx)
	defer giveUp()
	stopReconciling := c.keepReconciling(ctx)
	defer stopReconciling()
	if err := c.cause(living, r.plan, &lives); err != nil {
		return err
	}
	if err := c.settle(ctx, &lives, giveUp, o.limit); err != nil {
		return err
	}
	stopReconciling()
	r.stories = c.stories
	if err := c.examine(ctx, &r); err != nil {
		return err
	}
	r.print(os.Stdout)
	if len(r.left) > 0 {
		return fmt.Errorf("%d things are left over or missing; the same plan again: make chaos SEED=%d ROUNDS=%d N=%d", len(r.left), o.seed, o.rounds, o.tenants)
	}
	return nil
}

func parse(args []string) (options, error) {
	self, err := os.Executable()
	if err != nil {
		return options{}, fmt.Errorf("find the own executable: %w", err)
	}
	var o options
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.Uint64Var(&o.seed, "seed", 0, "what chooses the kills and the fates; 0 takes a random one and prints it")
	flags.IntVar(&o.rounds, "rounds", 60, "how often tenants are created and something is killed, two to eight seconds each; then it is killed a few times more, while the tenants live on")
	flags.IntVar(&o.tenants, "n", 3, "tenants that are created in each round")
	flags.StringVar(&o.pids, "pids", filepath.Join(".devstack", "pids"), "directory in which the stack names its processes")
	flags.StringVar(&o.bin, "bin", filepath.Dir(self), "directory of api and worker")
	flags.DurationVar(&o.limit, "limit", 10*time.Minute, "how long to wait, after the last kill, until every tenant's last operation has ended")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if o.rounds < 1 || o.tenants < 1 {
		return options{}, errors.New("-rounds and -n must be at least 1")
	}
	if os.Getenv("DB_HOST") == "" {
		return options{}, errors.New("the settings of a stack are missing; run: make chaos")
	}
	if o.seed == 0 {
		o.seed = rand.Uint64() //nolint:gosec // it is printed
	}
	return o, nil
}
