package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Command is a program that a user runs on the stack.
type Command struct {
	Argv   []string
	Env    []string
	Stdin  io.Reader // nil: nothing
	Stdout io.Writer // nil: nowhere
	Stderr io.Writer // nil: nowhere
	// Limit is how long the program may take to end after it was signalled,
	// before it is killed.
	Limit time.Duration
}

// Run runs the command and returns its exit status (128 + the signal's number when
// a signal ended it, as shells do).
//
// When orderly ends, the command and its children get the signal that is the
// context's cause ([Signalled]), SIGINT otherwise; when hard ends, SIGKILL. Once
// the command has ended, children that it left behind are ended as well.
//
// The command leads a process group in the background of the terminal, so it can
// write to a terminal but not read from one.
func (c Command) Run(orderly, hard context.Context) (status int, err error) {
	if _, err := exec.LookPath(c.Argv[0]); err != nil {
		return 127, fmt.Errorf("run a command on the stack: %w", err)
	}
	gate, opener, err := os.Pipe()
	if err != nil {
		return 1, fmt.Errorf("make the command's gate: %w", err)
	}
	defer opener.Close() // all that matters was written or is void by then
	group, ended, err := c.start(gate)
	if err != nil {
		return 127, fmt.Errorf("run %s: %w", c.Argv[0], err)
	}
	g, err := newGuard(group, syscall.SIGTERM)
	defer g.dismiss()
	if err == nil {
		_, err = opener.WriteString("go\n")
	}
	if err != nil {
		signalGroup(group, syscall.SIGKILL)
		<-ended
		return 1, fmt.Errorf("run %s: %w", c.Argv[0], err)
	}
	err = c.await(orderly, hard, group, ended)
	endGroup(hard, group)
	return exitStatus(err)
}

// gateScript becomes the command once it is told to. When the supervisor dies
// before that, it reads end of file instead: there is no moment at which the
// command runs without a guard.
const gateScript = `read -r go <&3 || exit 1; exec 3<&-; exec "$@"`

// start starts the command behind its gate, which it closes for itself.
func (c Command) start(gate *os.File) (group int, ended <-chan error, err error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", gateScript, "devstack-gate"}, c.Argv...)...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Env, c.Stdin, c.Stdout, c.Stderr
	cmd.ExtraFiles = []*os.File{gate} // descriptor 3
	cmd.SysProcAttr = childAttr(nil, syscall.SIGTERM)
	started, waited := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // see child.start
		err := cmd.Start()
		started <- err
		if err == nil {
			waited <- cmd.Wait()
		}
	}()
	if err := errors.Join(<-started, gate.Close()); err != nil {
		return 0, nil, err
	}
	return cmd.Process.Pid, waited, nil
}

func (c Command) await(orderly, hard context.Context, group int, ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-orderly.Done():
	}
	sig := syscall.SIGINT
	var signalled Signalled
	if errors.As(context.Cause(orderly), &signalled) {
		sig = signalled.Signal
	}
	signalGroup(group, sig)
	limit := time.NewTimer(c.Limit)
	defer limit.Stop()
	select {
	case err := <-ended:
		return err
	case <-hard.Done():
	case <-limit.C:
	}
	signalGroup(group, syscall.SIGKILL)
	return <-ended
}

// endGroup ends what the command left running in its process group.
func endGroup(hard context.Context, group int) {
	signalGroup(group, syscall.SIGTERM)
	limit := time.NewTimer(5 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for syscall.Kill(-group, 0) == nil {
		select {
		case <-tick.C:
			continue
		case <-limit.C:
		case <-hard.Done():
		}
		signalGroup(group, syscall.SIGKILL)
		return
	}
}

func signalGroup(group int, sig syscall.Signal) {
	// It fails only when the group is gone, which is what a caller wants to reach.
	_ = syscall.Kill(-group, sig)
}

func exitStatus(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return 1, fmt.Errorf("wait for the command: %w", err)
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// Signalled is the cause of a context that a signal ended.
type Signalled struct{ Signal syscall.Signal }

func (s Signalled) Error() string { return "got signal " + s.Signal.String() }
