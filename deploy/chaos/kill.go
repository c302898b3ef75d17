package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// reviveLimit bounds how long the stack takes to start a component again.
	reviveLimit = time.Minute
	poll        = 100 * time.Millisecond
)

// absences count who wants a component of the stack away.
type absences struct {
	sync.Mutex
	of map[string]int
}

// away stops a component, so that it neither answers nor refuses. It stays stopped
// until back was called as often as away. A component that is killed meanwhile comes
// back running.
func (c *chaos) away(ctx context.Context, component string) error {
	c.absences.Lock()
	defer c.absences.Unlock()
	if c.absences.of[component] == 0 {
		if err := c.signal(ctx, component, syscall.SIGSTOP); err != nil {
			return err
		}
	}
	c.absences.of[component]++
	return nil
}

func (c *chaos) back(ctx context.Context, component string) error {
	c.absences.Lock()
	defer c.absences.Unlock()
	c.absences.of[component]--
	if c.absences.of[component] > 0 {
		return nil
	}
	return c.signal(ctx, component, syscall.SIGCONT)
}

// signal waits for a component that was just killed.
func (c *chaos) signal(ctx context.Context, component string, s syscall.Signal) error {
	ctx, cancel := context.WithTimeout(ctx, reviveLimit)
	defer cancel()
	for {
		pid, err := c.pid(component)
		if err == nil {
			err = syscall.Kill(pid, s)
		}
		if err == nil {
			return nil
		}
		if over := sleep(ctx, poll); over != nil {
			return fmt.Errorf("send %s to %s: %w", s, component, err)
		}
	}
}

func (c *chaos) kill(ctx context.Context, victim string) error {
	switch victim {
	case "api":
		return c.api.restart()
	case "worker":
		return c.worker.restart()
	}
	before, err := c.pid(victim)
	if err != nil {
		return err
	}
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %s, pid %d: %w", victim, before, err)
	}
	ctx, cancel := context.WithTimeout(ctx, reviveLimit)
	defer cancel()
	for {
		if now, err := c.pid(victim); err == nil && now != before {
			return nil
		}
		if err := sleep(ctx, poll); err != nil {
			return fmt.Errorf("the stack does not start %s again: %w", victim, err)
		}
	}
}

// pid is that of a component of the stack.
func (c *chaos) pid(component string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(c.pids, component)) //nolint:gosec // -pids is the caller's own
	if errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("%s is not running, or the stack was started without DEVSTACK_ISOLATE=1: %w", component, err)
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(raw)))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
