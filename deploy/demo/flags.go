package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// flags are what may be changed about the demo.
type flags struct {
	api, worker, logs, file string
	limit                   time.Duration
}

// provisionLimit is far more than a handful of tenants take; then something
// is wrong and the logs say what.
const provisionLimit = 5 * time.Minute

func parseFlags(args []string) (flags, error) {
	var f flags
	beside := "."
	if self, err := os.Executable(); err == nil {
		beside = filepath.Dir(self)
	}
	set := flag.NewFlagSet("demo", flag.ContinueOnError)
	set.StringVar(&f.api, "api", filepath.Join(beside, "api"), "the api's program")
	set.StringVar(&f.worker, "worker", filepath.Join(beside, "worker"), "the worker's program")
	set.StringVar(&f.logs, "logs", filepath.Join(".devstack", "logs"), "folder for the logs of both")
	set.StringVar(&f.file, "file", "", "tenants to provision, as JSON (default: those of deploy/demo/tenants.json)")
	set.DurationVar(&f.limit, "limit", provisionLimit, "how long the tenants may take")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	if set.NArg() > 0 {
		return f, fmt.Errorf("%q is not understood: there are only flags", set.Arg(0))
	}
	return f, nil
}
