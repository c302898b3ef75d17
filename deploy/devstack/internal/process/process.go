package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// readyPoll is how often a starting child is asked whether it serves.
	readyPoll = 20 * time.Millisecond
	// firstRestart is the pause before a child that ended is started again. It
	// doubles up to lastRestart while the child does not live for steadyAfter.
	firstRestart = 100 * time.Millisecond
	lastRestart  = 5 * time.Second
	steadyAfter  = 10 * time.Second
)

// Process is a child process under supervision.
type Process struct {
	spec Spec
	log  *slog.Logger

	halt     chan struct{} // closed: stop in order
	kill     chan struct{} // closed: stop at once
	haltOnce sync.Once
	killOnce sync.Once
	finished chan struct{} // closed when nothing of the child is left
	ended    chan error    // buffered: one unexpected end
}

// Start starts the child and returns when it is ready. When ctx ends first, or
// the child does, nothing is left running.
func Start(ctx context.Context, spec Spec, log *slog.Logger) (*Process, error) {
	spec = spec.withDefaults()
	if err := spec.validate(); err != nil {
		return nil, err
	}
	c, err := spawn(spec)
	if err != nil {
		return nil, err
	}
	p := &Process{
		spec: spec, log: log.With("component", spec.Name),
		halt: make(chan struct{}), kill: make(chan struct{}),
		finished: make(chan struct{}), ended: make(chan error, 1),
	}
	if err := p.awaitReady(ctx, c); err != nil {
		p.terminate(c)
		p.removePID()
		return nil, err
	}
	go p.supervise(c)
	return p, nil
}

// Ended yields one error when the child ends by itself and is not to be
// restarted. It yields nothing after [Process.Stop].
func (p *Process) Ended() <-chan error { return p.ended }

// Stop ends the child: in order, or at once when ctx ends. It returns when the
// child is gone. It may be called more than once.
func (p *Process) Stop(ctx context.Context) error {
	p.haltOnce.Do(func() { close(p.halt) })
	select {
	case <-p.finished:
		return nil
	case <-ctx.Done():
	}
	p.killOnce.Do(func() { close(p.kill) })
	<-p.finished
	return nil
}

func (p *Process) awaitReady(ctx context.Context, c *child) error {
	ctx, cancel := context.WithTimeout(ctx, p.spec.ReadyLimit)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := p.serves(ctx, c)
		if err == nil && c.running() {
			return nil
		}
		select {
		case <-c.ended:
			return p.explain(c)
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				return fmt.Errorf("%s is not ready after %s: %w\n%s", p.spec.Name, p.spec.ReadyLimit, err, tail(p.spec.LogFile, c.logStart))
			}
			return fmt.Errorf("start %s: %w", p.spec.Name, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// serves returns nil when the child says and shows that it serves.
func (p *Process) serves(ctx context.Context, c *child) error {
	if p.spec.Says != "" {
		said, err := output(p.spec.LogFile, c.logStart, math.MaxInt64)
		if err != nil {
			return err
		}
		if !bytes.Contains(said, []byte(p.spec.Says)) {
			return fmt.Errorf("it has not said %q", strings.TrimSpace(p.spec.Says))
		}
	}
	return p.spec.Ready(ctx)
}

// supervise owns the child until it is stopped or has ended for good.
func (p *Process) supervise(c *child) {
	defer close(p.finished)
	defer p.removePID()
	pause := firstRestart
	for {
		select {
		case <-p.halt:
			p.terminate(c)
			return
		case <-c.ended:
		}
		if !p.spec.Restart {
			p.ended <- p.explain(c)
			return
		}
		if time.Since(c.started) >= steadyAfter {
			pause = firstRestart
		}
		p.log.Warn("ended by itself, starting it again", "how", c.how(), "in", pause, "log", p.spec.LogFile)
		if c = p.revive(&pause); c == nil {
			return
		}
		p.log.Info("started again", "pid", c.cmd.Process.Pid)
	}
}

// revive starts the child again after a pause, which it doubles for the next
// time. It returns nil when the process was stopped meanwhile.
func (p *Process) revive(pause *time.Duration) *child {
	for {
		select {
		case <-p.halt:
			return nil
		case <-time.After(*pause):
		}
		*pause = min(2**pause, lastRestart)
		c, err := spawn(p.spec)
		if err == nil {
			return c
		}
		p.log.Warn("cannot start it again", "error", err, "in", *pause)
	}
}

// terminate asks the child to end and makes it end when it takes too long.
func (p *Process) terminate(c *child) {
	c.signal(p.spec.StopSignal)
	limit := time.NewTimer(p.spec.StopLimit)
	defer limit.Stop()
	select {
	case <-c.ended:
		return
	case <-p.kill:
	case <-limit.C:
		p.log.Warn("did not stop in time", "limit", p.spec.StopLimit)
	}
	c.signal(p.spec.KillSignal)
	<-c.ended
}

func (p *Process) removePID() {
	if p.spec.PIDFile == "" {
		return
	}
	if err := os.Remove(p.spec.PIDFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		p.log.Warn("cannot remove the pid file", "error", err)
	}
}
