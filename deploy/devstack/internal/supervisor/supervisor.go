package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tenant-provisioning/internal/child"
)

const (
	// readyLimit is what a database takes to recover after a crash on a busy
	// machine, and more.
	readyLimit = 60 * time.Second
	// firstRestart is the pause before a child that ended is started again. It
	// doubles up to lastRestart while the child does not live for steadyAfter.
	firstRestart = 100 * time.Millisecond
	lastRestart  = 5 * time.Second
	steadyAfter  = 10 * time.Second
)

// Server is a program that serves until it is stopped.
type Server struct {
	child.Spec
	PIDFile string // written at every start, removed at the end

	// Says is found in the server's log once it serves. An answer on its port
	// tells less: it may be another program's, before the server has found that it
	// cannot listen there. Empty: it need not say anything.
	Says string
	// Answers returns nil once the server answers. Nil: it need only say so.
	Answers func(ctx context.Context) error
	// ReadyLimit is how long that may take (default 60 s).
	ReadyLimit time.Duration

	// Restart starts the server again whenever it ends without having been told
	// to. Otherwise its end is reported on [Supervised.Ended].
	Restart bool
}

// Supervised is a server that runs, or is started again.
type Supervised struct {
	server Server
	log    *slog.Logger

	halt, hurry context.CancelFunc // stop in order, and at once
	finished    chan struct{}      // closed when nothing of the server is left
	ended       chan error         // buffered: one unexpected end
}

// Start starts the server and returns when it is ready. When ctx ends first, or
// the server does, nothing is left running.
func Start(ctx context.Context, server Server, log *slog.Logger) (*Supervised, error) {
	if server.ReadyLimit == 0 {
		server.ReadyLimit = readyLimit
	}
	running, halt := context.WithCancel(context.Background())
	patient, hurry := context.WithCancel(context.Background())
	s := &Supervised{
		server: server, log: log.With("component", server.Name),
		halt: halt, hurry: hurry, finished: make(chan struct{}), ended: make(chan error, 1),
	}
	p, err := s.spawn()
	if err != nil {
		return nil, err
	}
	if err := s.awaitReady(ctx, p); err != nil {
		s.stop(ctx, p)
		s.removePID()
		return nil, advised(err)
	}
	go s.supervise(running, patient, p)
	return s, nil
}

// Ended yields one error when the server ends by itself and is not to be
// started again. It yields nothing after [Supervised.Stop].
func (s *Supervised) Ended() <-chan error { return s.ended }

// Stop ends the server: in order, or at once when ctx ends. It returns when the
// server is gone. It may be called more than once.
func (s *Supervised) Stop(ctx context.Context) error {
	defer context.AfterFunc(ctx, s.hurry)()
	s.halt()
	<-s.finished
	return nil
}

func (s *Supervised) spawn() (*child.Process, error) {
	p, err := child.Start(s.server.Spec)
	if err != nil {
		return nil, err
	}
	if err := writePID(s.server.PIDFile, p.PID()); err != nil {
		s.stop(context.Background(), p)
		return nil, err
	}
	return p, nil
}

func (s *Supervised) awaitReady(ctx context.Context, p *child.Process) error {
	says := p.Says(s.server.Says)
	return p.Ready(ctx, s.server.ReadyLimit, func(ctx context.Context) error {
		if err := says(ctx); err != nil || s.server.Answers == nil {
			return err
		}
		return s.server.Answers(ctx)
	})
}

// supervise owns the server until running ends or it has ended for good. When
// patient ends, it stops at once.
func (s *Supervised) supervise(running, patient context.Context, p *child.Process) {
	defer close(s.finished)
	defer s.removePID()
	pause := firstRestart
	for {
		started := time.Now()
		select {
		case <-running.Done():
			s.stop(patient, p)
			return
		case <-p.Ended():
		}
		if !s.server.Restart {
			s.ended <- advised(p.Err())
			return
		}
		if time.Since(started) >= steadyAfter {
			pause = firstRestart
		}
		s.log.Warn("ended by itself, starting it again", "how", p.How(), "in", pause, "log", s.server.LogFile)
		if p = s.revive(running, &pause); p == nil {
			return
		}
		s.log.Info("started again", "pid", p.PID())
	}
}

// revive starts the server again after a pause, which it doubles for the next
// time. It returns nil when running ends meanwhile.
func (s *Supervised) revive(running context.Context, pause *time.Duration) *child.Process {
	for {
		select {
		case <-running.Done():
			return nil
		case <-time.After(*pause):
		}
		*pause = min(2**pause, lastRestart)
		p, err := s.spawn()
		if err == nil {
			return p
		}
		s.log.Warn("cannot start it again", "error", err, "in", *pause)
	}
}

func (s *Supervised) stop(ctx context.Context, p *child.Process) {
	if !p.Stop(ctx) && ctx.Err() == nil {
		s.log.Warn("did not stop in time")
	}
}

// writePID replaces the file in one step: a reader never sees half a number.
func writePID(path string, pid int) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the directory of pid files: %w", err)
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, []byte(strconv.Itoa(pid)+"\n"), 0o644); err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	return nil
}

func (s *Supervised) removePID() {
	if err := os.Remove(s.server.PIDFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Warn("cannot remove the pid file", "error", err)
	}
}
