package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/term"

	"tenant-provisioning/deploy/devstack/internal/stack"
	"tenant-provisioning/deploy/devstack/internal/supervisor"
	"tenant-provisioning/internal/child"
)

// commandLimit is how long COMMAND may take to end after the first signal: tests
// and the worker finish what they are at.
const commandLimit = 60 * time.Second

// up runs the stack, and COMMAND on it.
func up(args []string) (int, error) {
	cfg, command, err := upConfig(args)
	if err != nil {
		return 2, err
	}
	started := time.Now()
	cfg.Say = func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "devstack: "+format+"\n", args...)
	}
	orderly, hard := awaitSignals()
	s, err := stack.Up(orderly, hard, cfg)
	if err != nil {
		return failedStart(orderly, err)
	}
	// What COMMAND prints may be for a program to read: keep out of its way.
	out := io.Writer(os.Stdout)
	if len(command) > 0 {
		out = os.Stderr
	}
	cfg.Say("started in %s", time.Since(started).Round(10*time.Millisecond))
	fmt.Fprintf(out, "devstack ready\n%s", s.Table())
	status, err := serve(orderly, hard, s, command)
	return status, errors.Join(err, s.Down(hard))
}

// serve runs COMMAND, or waits for a signal; a component that dies ends both.
func serve(orderly, hard context.Context, s *stack.Stack, command []string) (int, error) {
	ctx, fail := context.WithCancelCause(orderly)
	defer fail(nil)
	go func() {
		select {
		case err := <-s.Ended():
			fail(err)
		case <-ctx.Done():
		}
	}()
	status := 0
	var err error
	if len(command) > 0 {
		c := child.Spec{
			Path: command[0], Args: command[1:], Env: s.Values().Over(os.Environ()),
			Stdout: os.Stdout, Stderr: os.Stderr, Grace: commandLimit,
		}
		if !term.IsTerminal(int(os.Stdin.Fd())) { // which COMMAND could not read, see supervisor.Run
			c.Stdin = os.Stdin
		}
		status, err = supervisor.Run(ctx, hard, c)
	} else {
		<-ctx.Done()
	}
	cause := context.Cause(ctx)
	var signalled supervisor.Signalled
	if cause != nil && !errors.As(cause, &signalled) {
		return max(status, 1), errors.Join(err, cause)
	}
	return status, err
}

// failedStart tells a start that the user gave up from one that failed.
func failedStart(orderly context.Context, err error) (int, error) {
	var signalled supervisor.Signalled
	if orderly.Err() != nil && errors.As(context.Cause(orderly), &signalled) {
		return 128 + int(signalled.Signal), nil
	}
	return 1, err
}

const upUsage = `usage: devstack up [flags] [--] [COMMAND [ARG...]]

Runs COMMAND on the whole stack and returns its exit status; without COMMAND
the stack stays up until Ctrl-C.

environment:
  LEDGER_INTERVAL      time between ledgers, such as 200ms or 5s (default 1s)
  LEDGER_CONTROL=1     serve the Stellar network's control endpoint for tests, at
                       STELLAR_CONTROL_URL (see docs/stellar.md)
  DEVSTACK_ISOLATE=1   every component is a process that is started again when it
                       is killed; pids in the data directory

flags:
`

func upConfig(args []string) (stack.Config, []string, error) {
	var cfg stack.Config
	var noSetup bool
	flags := flag.NewFlagSet("devstack up", flag.ContinueOnError)
	flags.StringVar(&cfg.Dir, "data-dir", ".devstack", "directory of data, logs, pids and the environment file")
	flags.BoolVar(&cfg.Ephemeral, "ephemeral", false, "temporary data, removed at the end, and free ports only")
	flags.StringVar(&cfg.EnvFile, "env-file", "", "environment file (default: env in the data directory)")
	flags.StringVar(&cfg.Starter, "starter", "bin/starter", "the product's operator command, which makes the stack ready")
	flags.BoolVar(&noSetup, "no-setup", false, "do not migrate, register or upload anything")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), upUsage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return cfg, nil, err
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if cfg.Ephemeral && !given["data-dir"] {
		cfg.Dir = ""
	}
	if noSetup {
		cfg.Starter = ""
	}
	cfg.Isolate = os.Getenv("DEVSTACK_ISOLATE") == "1"
	cfg.LedgerControl = os.Getenv("LEDGER_CONTROL") == "1"
	var err error
	if cfg.LedgerInterval, err = ledgerInterval(os.Getenv("LEDGER_INTERVAL")); err != nil {
		return cfg, nil, err
	}
	return cfg, flags.Args(), nil
}

// ledgerInterval takes a duration, or a number of seconds.
func ledgerInterval(text string) (time.Duration, error) {
	if text == "" {
		return time.Second, nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return time.Duration(seconds * float64(time.Second)), nil
	}
	interval, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("LEDGER_INTERVAL is %q; it must be a duration such as 1s or 200ms, or a number of seconds", text)
	}
	return interval, nil
}
