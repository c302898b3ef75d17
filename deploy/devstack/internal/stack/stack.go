package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"tenant-provisioning/deploy/devstack/internal/environment"
	"tenant-provisioning/deploy/devstack/internal/port"
	"tenant-provisioning/deploy/devstack/internal/role"
	"tenant-provisioning/deploy/devstack/internal/supervisor"
)

// Stack is a running stack.
type Stack struct {
	cfg     Config
	log     *slog.Logger
	lock    *dirLock
	leases  *port.Leases
	ports   ports
	secrets secrets
	values  environment.Values
	notes   map[string]string // what people may want to know of a component
	ended   chan error

	mu    sync.Mutex
	parts []part
}

// part is a component that was started.
type part struct {
	name string
	role.Component
}

// stopOrder: what uses another component goes before it.
var stopOrder = []string{"temporal", "stellar", "mail", "redis", "postgres"}

// starts is how often a stack is started, on other ports each time, while a
// program that knows nothing of our leases takes a port before we listen on it.
const starts = 3

// Up starts a stack and returns when all of it is ready. When orderly ends
// first, or anything fails, what was started is stopped again; when hard ends,
// at once.
func Up(orderly, hard context.Context, cfg Config) (*Stack, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	for n := 1; ; n++ {
		s, err := up(orderly, hard, cfg)
		if n == starts || orderly.Err() != nil || !supervisor.PortTaken(err) {
			return s, err
		}
		cfg.Say("another program took a port that was free: starting again, on other ones")
	}
}

// up starts it once.
func up(orderly, hard context.Context, cfg Config) (*Stack, error) {
	cfg, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	s := &Stack{
		cfg: cfg, log: newLogger(cfg.Say), notes: map[string]string{},
		ended: make(chan error, len(stopOrder)),
	}
	if err := s.bringUp(orderly, hard); err != nil {
		return nil, errors.Join(err, s.Down(hard))
	}
	return s, nil
}

// Values are the addresses and secrets that programs need to use the stack.
func (s *Stack) Values() environment.Values { return s.values }

// Ended yields an error for a component that ended by itself and is not started
// again.
func (s *Stack) Ended() <-chan error { return s.ended }

// Down removes the environment file and stops all components, users before
// servers; at once when ctx ends.
func (s *Stack) Down(ctx context.Context) error {
	var errs []error
	if s.lock != nil { // otherwise the file is another stack's
		errs = append(errs, s.removeEnvFile())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range stopOrder {
		for _, p := range s.parts {
			if p.name != name {
				continue
			}
			// What was cut short is no error to whoever asked for that.
			if err := p.Stop(ctx); err != nil && ctx.Err() == nil {
				errs = append(errs, err)
			}
		}
	}
	s.parts = nil
	errs = append(errs, s.releaseDir())
	return errors.Join(errs...)
}

func (s *Stack) bringUp(orderly, hard context.Context) error {
	var err error
	if s.lock, err = lockDir(orderly, s.cfg.Dir, s.cfg.Say); err != nil {
		return err
	}
	// What a killed stack left would tell readers that this one is ready.
	if err := s.removeEnvFile(); err != nil {
		return err
	}
	if err := os.RemoveAll(s.cfg.path("pids")); err != nil {
		return fmt.Errorf("remove the pid files of the last run: %w", err)
	}
	if s.secrets, err = loadSecrets(s.cfg.path("secrets.json")); err != nil {
		return err
	}
	if s.leases, err = port.NewLeases(); err != nil {
		return err
	}
	if s.ports, err = pickPorts(s.leases, s.cfg); err != nil {
		return err
	}
	if err := s.startComponents(orderly); err != nil {
		return err
	}
	if s.values, err = s.environment(); err != nil {
		return err
	}
	if err := s.setUp(orderly, hard); err != nil {
		return err
	}
	return s.values.WriteFile(s.cfg.EnvFile)
}

// add keeps a component that was started and watches it.
func (s *Stack) add(name string, c role.Component) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(s.parts, part{name: name, Component: c})
	if c.Ended() == nil {
		return
	}
	go func() {
		if err, ok := <-c.Ended(); ok {
			s.ended <- err
		}
	}()
}

func (s *Stack) note(name, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes[name] = what
}

func (s *Stack) removeEnvFile() error {
	if err := os.Remove(s.cfg.EnvFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the environment file: %w", err)
	}
	return nil
}

func (s *Stack) releaseDir() error {
	var errs []error
	if s.leases != nil {
		errs = append(errs, s.leases.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	if s.cfg.Ephemeral {
		if err := os.RemoveAll(s.cfg.Dir); err != nil {
			errs = append(errs, fmt.Errorf("remove the temporary data directory: %w", err))
		}
	}
	return errors.Join(errs...)
}
