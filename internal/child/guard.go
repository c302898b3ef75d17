package child

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// guardScript reads the number of a process group from a pipe that only this
// process holds open, and then its end, which means that the group's leader has
// ended or this process has died: what is left of the group gets the signal and,
// after five seconds, SIGKILL.
const guardScript = `read -r group || exit 0
read -r end
kill -"$1" -"$group" 2>/dev/null || exit 0
tenths=0
while [ $tenths -lt 50 ]; do
	kill -0 -"$group" 2>/dev/null || exit 0
	sleep 0.1
	tenths=$((tenths + 1))
done
kill -KILL -"$group" 2>/dev/null`

// guard is a shell that ends what is left of a process group. It costs a
// megabyte, where a copy of this program would cost a hundred. It is there before
// the group is. A nil guard has nothing to do.
type guard struct {
	pipe io.WriteCloser
	cmd  *exec.Cmd
}

func newGuard(sig syscall.Signal) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "guard", strconv.Itoa(int(sig)))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is not for the guard
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the guard's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a guard: %w", err)
	}
	return &guard{pipe: pipe, cmd: cmd}, nil
}

// watch tells the guard which process group is in its care.
func (g *guard) watch(group int) error {
	if g == nil {
		return nil
	}
	if _, err := fmt.Fprintln(g.pipe, group); err != nil {
		return fmt.Errorf("tell the guard about process group %d: %w", group, err)
	}
	return nil
}

// end has the guard end what is left of the group, and waits until nothing is.
func (g *guard) end() {
	if g == nil {
		return
	}
	_ = g.pipe.Close() // it fails only when the guard is gone
	_ = g.cmd.Wait()   // its status says only that nobody was left to be killed
}
