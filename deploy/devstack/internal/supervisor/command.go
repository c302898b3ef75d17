package supervisor

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"tenant-provisioning/internal/child"
)

// Run runs a user's command on the stack and returns its exit status (128 + the
// signal's number when a signal ended it, as shells do).
//
// When orderly ends, the command and its children get the signal that is the
// context's cause ([Signalled]), SIGINT otherwise; when that takes longer than
// the command's grace, or hard ends, SIGKILL. Once the command has ended,
// children that it left behind are ended as well.
//
// The command leads a process group in the background of the terminal, so it can
// write to a terminal but not read from one.
func Run(orderly, hard context.Context, command child.Spec) (status int, err error) {
	command.Family = true
	p, err := child.Start(command)
	if err != nil {
		return notRun, fmt.Errorf("run a command on the stack: %w", err)
	}
	defer context.AfterFunc(hard, func() { p.Signal(syscall.SIGKILL) })()
	select {
	case <-p.Ended():
	case <-orderly.Done():
		p.Signal(causeOf(orderly))
		defer time.AfterFunc(command.Grace, func() { p.Signal(syscall.SIGKILL) }).Stop()
	}
	return p.Wait()
}

// notRun is what shells say of a command that cannot be run.
const notRun = 127

// Signalled is the cause of a context that a signal ended.
type Signalled struct{ Signal syscall.Signal }

func (s Signalled) Error() string { return "got signal " + s.Signal.String() }

func causeOf(ctx context.Context) syscall.Signal {
	if signalled, ok := errors.AsType[Signalled](context.Cause(ctx)); ok {
		return signalled.Signal
	}
	return syscall.SIGINT
}
