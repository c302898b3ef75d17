package process

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// guardScript reads one line from a pipe that only the supervisor holds open.
// A line means that the guarded group ended in order. End of file means that
// the supervisor died: the group gets the signal and, after five seconds, SIGKILL.
const guardScript = `read -r line && exit 0
kill -"$1" -"$2" 2>/dev/null || exit 0
for i in 1 2 3 4 5; do sleep 1; kill -0 -"$2" 2>/dev/null || exit 0; done
kill -KILL -"$2" 2>/dev/null`

// guard is a shell that ends a process group when the supervisor dies. It costs
// a megabyte, where a copy of this program would cost a hundred.
type guard struct {
	pipe io.WriteCloser
	cmd  *exec.Cmd
}

func newGuard(pgid int, sig syscall.Signal) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "devstack-guard", strconv.Itoa(int(sig)), strconv.Itoa(pgid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is not for the guard
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the guard's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the guard of process group %d: %w", pgid, err)
	}
	return &guard{pipe: pipe, cmd: cmd}, nil
}

// dismiss ends the guard; the group that it guarded is gone.
func (g *guard) dismiss() {
	if g == nil {
		return
	}
	// Either write or close may fail only because the guard is gone already.
	_, _ = io.WriteString(g.pipe, "done\n")
	_ = g.pipe.Close()
	_ = g.cmd.Wait()
}
