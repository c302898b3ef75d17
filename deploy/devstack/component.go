package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"tenant-provisioning/deploy/devstack/internal/role"
)

// componentStopLimit bounds an orderly stop: whoever asked for it waits no longer.
const componentStopLimit = 10 * time.Second

// component runs one role in this process until a signal ends it.
func component(verb string, args []string) (int, error) {
	i := slices.IndexFunc(role.All(), func(r role.Role) bool { return r.Name() == verb })
	if i < 0 {
		return 2, fmt.Errorf("%q is not a verb\n%s", verb, usage)
	}
	r := role.All()[i]
	flags := flag.NewFlagSet("devstack "+verb, flag.ContinueOnError)
	r.Bind(flags)
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	if flags.NArg() > 0 {
		return 2, fmt.Errorf("%s takes no arguments, got %q", verb, flags.Args())
	}
	r.ReadSecrets(os.Getenv)
	orderly, hard := awaitSignals()
	running, err := r.Start(orderly)
	if err != nil {
		return 1, err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Addresses())) {
		fmt.Printf("%s=%s\n", name, r.Addresses()[name])
	}
	fmt.Println(role.Serving)
	var died error
	select {
	case <-orderly.Done():
	case died = <-running.Ended():
	}
	ctx, cancel := context.WithTimeout(hard, componentStopLimit)
	defer cancel()
	if err := running.Stop(ctx); err != nil || died != nil {
		return 1, fmt.Errorf("%s: %w", verb, firstOf(died, err))
	}
	return 0, nil
}

func firstOf(errs ...error) error {
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	return errs[i]
}
