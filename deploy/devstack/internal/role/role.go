package role

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"tenant-provisioning/deploy/devstack/internal/port"
)

// Role is a component that this program can be. Its settings are exported
// fields, which Bind makes flags of.
type Role interface {
	Name() string
	// Bind declares the role's flags, with its present settings as defaults.
	Bind(*flag.FlagSet)
	// Secrets are the variables that a child process needs beside its flags.
	Secrets() []string
	// ReadSecrets is the other end of Secrets.
	ReadSecrets(getenv func(string) string)
	// Start starts the component in this process and returns when it serves.
	Start(context.Context) (Component, error)
	// Addresses are the variables by which programs find the component.
	Addresses() map[string]string
}

// Serving is the line that a child process writes when its role serves.
const Serving = "ready"

// Component is a part of the stack that runs.
type Component interface {
	// Stop ends it, in order while ctx lasts.
	Stop(ctx context.Context) error
	// Ended yields an error when it ends by itself.
	Ended() <-chan error
}

// All returns the roles by the names under which the program offers them.
func All() []Role { return []Role{&Temporal{}, &Stellar{}, &Mail{}, &Redis{}} }

// Args renders a role's settings as the arguments of a child process.
func Args(r Role) []string {
	flags := flag.NewFlagSet(r.Name(), flag.ContinueOnError)
	r.Bind(flags)
	args := []string{r.Name()}
	flags.VisitAll(func(f *flag.Flag) { args = append(args, "--"+f.Name+"="+f.Value.String()) })
	return args
}

// pickPort replaces 0 by the first of count free ports. The lease ends with the
// process.
func pickPort(chosen *int, count int) error {
	if *chosen != 0 {
		return nil
	}
	leases, err := port.NewLeases()
	if err != nil {
		return err
	}
	*chosen, err = leases.Take(0, count)
	return err
}

// openLog appends to a component's log; no file: standard error.
func openLog(file string) (*os.File, error) {
	if file == "" {
		return os.Stderr, nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, fmt.Errorf("make the log directory: %w", err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}
