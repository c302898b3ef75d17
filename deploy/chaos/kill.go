package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// maxWait is the longest time between two kills: a tenant takes one to two
	// seconds, so that a kill meets every step.
	maxWait = 4 * time.Second
	// reviveLimit bounds how long the stack takes to start a component again.
	reviveLimit = time.Minute
	poll        = 100 * time.Millisecond
)

// victims is what is killed. The worker does the work: it is killed as often as
// all others take turns.
var victims = []string{"worker", "worker", "api", "temporal", "postgres", "redis", "stellar", "mail"}

// cause creates tenants and kills, round by round.
func (c *chaos) cause(ctx context.Context, o options, r *report) error {
	random := rand.New(rand.NewPCG(o.seed, o.seed)) //nolint:gosec // it must be repeatable
	for round := range o.rounds {
		for n := range o.tenants {
			if err := c.create(ctx, fmt.Sprintf("Hospital %d of round %d", n+1, round+1)); err != nil {
				return err
			}
		}
		victim := victims[random.IntN(len(victims))]
		wait := time.Duration(random.Int64N(int64(maxWait)))
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		if err := c.kill(ctx, victim); err != nil {
			return err
		}
		r.kills[victim]++
		fmt.Fprintf(os.Stderr, "chaos: round %d: kill -9 of %s, %d ms after the tenants were accepted\n", round+1, victim, wait.Milliseconds())
	}
	return nil
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
