package child

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// readyPoll is how often a starting program is asked whether it serves.
const readyPoll = 20 * time.Millisecond

// Process is one run of a [Spec].
type Process struct {
	spec     Spec
	cmd      *exec.Cmd
	group    int           // the process group; with a guard it has another number than the program
	logStart int64         // where its output begins in the log file
	ended    chan struct{} // closed after err is set
	err      error
}

// Start starts the program. It fails when there is no such program or its log
// cannot be written.
func Start(s Spec) (*Process, error) {
	s = s.withDefaults()
	p := &Process{spec: s, cmd: exec.Command(s.Path, s.Args...), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Dir = s.Env, s.Dir
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = s.Stdin, s.Stdout, s.Stderr
	p.cmd.SysProcAttr = attributes(s)
	if s.Inherited != nil {
		p.cmd.ExtraFiles = []*os.File{s.Inherited}
	}
	if s.LogFile != "" {
		log, size, err := openLog(s.LogFile)
		if err != nil {
			return nil, err
		}
		defer log.Close() //nolint:errcheck // the child has its own handle
		p.cmd.Stdout, p.cmd.Stderr, p.logStart = log, log, size
	}
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Path, err)
	}
	return p, nil
}

// start launches the program and waits for it on a thread of its own: the
// parent-death signal is tied to the *thread* that forked, which must therefore
// live as long as the child does. It is given back afterwards: the end of a
// goroutine that holds its thread ends the thread too, and with it whatever somebody
// else has started from it.
func (p *Process) start() error {
	var g *guard
	if p.spec.Family || guardEach {
		var err error
		if g, err = newGuard(p.spec.StopSignal); err != nil {
			return err
		}
		p.cmd.SysProcAttr.Pgid = g.group
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := p.cmd.Start(); err != nil {
			g.end()
			started <- err
			return
		}
		p.group = cmp.Or(p.cmd.SysProcAttr.Pgid, p.PID())
		g.joined()
		started <- nil
		p.err = p.cmd.Wait()
		g.end()
		close(p.ended)
	}()
	return <-started
}

// attributes puts the child into a process group of its own and, where the kernel
// can, has it signalled when this process dies.
func attributes(s Spec) *syscall.SysProcAttr {
	var attr syscall.SysProcAttr
	if s.Attr != nil {
		attr = *s.Attr
	}
	attr.Setpgid = true
	endWithParent(&attr, s.StopSignal)
	return &attr
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal, to all of a family. One that has ended gets none.
func (p *Process) Signal(sig syscall.Signal) {
	// Either fails only when nobody is left, which Ended tells too.
	switch {
	case !p.spec.Family:
		_ = p.cmd.Process.Signal(sig)
	case p.Running(): // or the number may be another group's
		_ = syscall.Kill(-p.group, sig)
	}
}

// Stop asks the program to end, and makes it when that takes longer than its
// grace, or when ctx ends. It returns when it has ended, and whether that was
// without force. It may be called more than once.
func (p *Process) Stop(ctx context.Context) (orderly bool) {
	p.Signal(p.spec.StopSignal)
	grace := time.NewTimer(p.spec.Grace)
	defer grace.Stop()
	select {
	case <-p.ended:
		return true
	case <-ctx.Done():
	case <-grace.C:
	}
	p.Signal(p.spec.KillSignal)
	<-p.ended
	return false
}

// Ended is closed when the program has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Running tells whether the program has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Wait waits for the end and returns the exit status: 128 + the signal's number
// when a signal ended the program, as shells do. It fails when not all of the
// output came.
func (p *Process) Wait() (status int, err error) {
	<-p.ended
	if _, exited := errors.AsType[*exec.ExitError](p.err); p.err != nil && !exited {
		err = fmt.Errorf("read the output of %s: %w", p.spec.Name, p.err)
	}
	if ws, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), err
	}
	return p.cmd.ProcessState.ExitCode(), err
}

// Err says how the program ended, where its log is, and shows the last lines of
// this run. It is nil as long as the program runs.
func (p *Process) Err() error {
	if p.Running() {
		return nil
	}
	text := p.spec.Name + " ended: " + p.How()
	if p.spec.LogFile != "" {
		text += ". Its log is " + p.spec.LogFile + "; the last lines:\n" + p.tail()
	}
	return errors.New(text)
}

// How says in a few words how the program ended: "exit status 1", "signal:
// killed". It is empty as long as the program runs.
func (p *Process) How() string {
	switch {
	case p.Running():
		return ""
	case p.err == nil:
		return "exit status 0"
	}
	return p.err.Error()
}

// Ready waits until ask returns nil, and asks again while it does not. It fails
// when the program ends before, with Err; when ctx ends, with its cause; and when
// limit has passed, with what ask said last.
func (p *Process) Ready(ctx context.Context, limit time.Duration, ask func(context.Context) error) error {
	asking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := ask(asking)
		if err == nil && p.Running() {
			return nil
		}
		select {
		case <-p.ended:
			return p.Err()
		case <-asking.Done():
			if ctx.Err() != nil {
				return fmt.Errorf("wait for %s: %w", p.spec.Name, context.Cause(ctx))
			}
			return fmt.Errorf("%s is not ready after %s: %w\n%s", p.spec.Name, limit, err, p.tail())
		case <-tick.C:
		}
	}
}
