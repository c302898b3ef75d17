package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Ports that a stack tries first. They lie below those that the kernel hands
// out by itself, so nothing takes them by accident.
const (
	usualPostgres   = 15432
	usualRedis      = 16379
	usualTemporal   = 17233 // and the next three
	usualTemporalUI = 18233
	usualStellar    = 18000 // and the next one
	usualMail       = 18025
	usualApp        = 3000
	usualMetrics    = 9464
)

// Config says what stack to run.
type Config struct {
	Dir string // see the package's doc; empty: a temporary one
	// Ephemeral makes Dir a temporary directory that is removed at the end,
	// takes free ports only, and lets PostgreSQL skip forcing data to disk.
	Ephemeral bool
	EnvFile   string // empty: Dir/env
	// Isolate makes every component a child process that is started again when
	// it ends.
	Isolate bool
	// LedgerInterval is the time between ledgers of the local Stellar network.
	LedgerInterval time.Duration
	// LedgerControl serves that network's control endpoint for tests.
	LedgerControl bool
	// Starter is the product's operator command, which makes database, namespace
	// and contract ready. Empty: the stack is ready without that.
	Starter string
	// Say tells people what is going on, one line at a time.
	Say func(format string, args ...any)
}

func (c Config) validate() error {
	var errs []error
	if c.Ephemeral && c.Dir != "" {
		errs = append(errs, errors.New("an ephemeral stack makes its own data directory: give --ephemeral or --data-dir, not both"))
	}
	if !c.Ephemeral && c.Dir == "" {
		errs = append(errs, errors.New("--data-dir must not be empty"))
	}
	if c.LedgerInterval < 10*time.Millisecond || c.LedgerInterval > time.Minute {
		errs = append(errs, fmt.Errorf("LEDGER_INTERVAL is %s; it must be between 10ms and 1m", c.LedgerInterval))
	}
	if c.Starter != "" {
		if info, err := os.Stat(c.Starter); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			errs = append(errs, fmt.Errorf("%s is not there or cannot be executed: run make build first, name another one with --starter, or give --no-setup", c.Starter))
		}
	}
	return errors.Join(errs...)
}

// resolve makes the directory, and all paths absolute.
func (c Config) resolve() (Config, error) {
	var err error
	if c.Ephemeral {
		if c.Dir, err = newEphemeralDir(); err != nil {
			return c, err
		}
	}
	for _, path := range []*string{&c.Dir, &c.EnvFile, &c.Starter} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return c, fmt.Errorf("resolve a path: %w", err)
		}
	}
	if c.EnvFile == "" {
		c.EnvFile = filepath.Join(c.Dir, "env")
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return c, fmt.Errorf("make the data directory: %w", err)
	}
	return c, nil
}

func (c Config) path(elem ...string) string {
	return filepath.Join(append([]string{c.Dir}, elem...)...)
}

func (c Config) log(name string) string { return c.path("logs", name+".log") }
func (c Config) pid(name string) string { return c.path("pids", name) }
