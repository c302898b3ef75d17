package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// exitInterrupted is what shells expect of a program that Ctrl-C ended.
const exitInterrupted = 130

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "demo: interrupted")
		os.Exit(exitInterrupted)
	}
	fmt.Fprintf(os.Stderr, "demo: %v\n", err)
	os.Exit(1)
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	f, err := parseFlags(args)
	if err != nil {
		return err
	}
	s, err := loadSettings()
	if err != nil {
		return err
	}
	sample, err := readSample(f.file)
	if err != nil {
		return err
	}
	product, err := startProduct(ctx, f, s, out)
	defer func() {
		for _, p := range product { // the api first: it takes no more, the worker finishes
			fmt.Fprintf(out, "stopping %s\n", p.name)
			p.Stop(context.WithoutCancel(ctx))
		}
	}()
	if err != nil {
		return err
	}
	ctx, release := together(ctx, product)
	defer release()
	where, err := show(ctx, f, s, sample, out)
	if err != nil {
		return causeOf(ctx, err)
	}
	if os.Getenv("DEMO_EXIT") == "1" { // nothing stays up to be looked at
		return nil
	}
	fmt.Fprintf(out, "%s\nAll of it stays up until Ctrl-C.\n", where)
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// causeOf prefers the reason for which everything was stopped to what followed
// from it.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
