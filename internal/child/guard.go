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
// megabyte, where a copy of this program would cost a hundred. It knows the group
// before the program is in it, for this process may die at any moment. A nil guard
// has nothing to do.
type guard struct {
	pipe io.WriteCloser
	cmd  *exec.Cmd
	// group is led by leader until the program has joined it.
	group  int
	leader *exec.Cmd
	hold   io.Closer
}

func newGuard(sig syscall.Signal) (*guard, error) {
	leader, hold, err := startShell("read -r end")
	if err != nil {
		return nil, fmt.Errorf("make a process group: %w", err)
	}
	g := &guard{group: leader.Process.Pid, leader: leader, hold: hold}
	if g.cmd, g.pipe, err = startShell(guardScript, "guard", strconv.Itoa(int(sig))); err != nil {
		g.joined()
		return nil, fmt.Errorf("start a guard: %w", err)
	}
	if _, err := fmt.Fprintln(g.pipe, g.group); err != nil {
		g.end()
		return nil, fmt.Errorf("tell the guard about process group %d: %w", g.group, err)
	}
	return g, nil
}

// startShell runs a script in a process group of its own, which a Ctrl-C does not
// reach, and that reads from the pipe.
func startShell(script string, args ...string) (*exec.Cmd, io.WriteCloser, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", script}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	return cmd, pipe, cmd.Start()
}

// joined ends the group's leader: the program holds the group from now on.
func (g *guard) joined() {
	if g == nil || g.leader == nil {
		return
	}
	_ = g.hold.Close()  // it fails only when the leader is gone
	_ = g.leader.Wait() // its status says nothing
	g.leader = nil
}

// end has the guard end what is left of the group, and waits until nothing is.
func (g *guard) end() {
	if g == nil {
		return
	}
	g.joined()
	_ = g.pipe.Close() // it fails only when the guard is gone
	_ = g.cmd.Wait()   // its status says only that nobody was left to be killed
}
