package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// child is one run of a [Spec].
type child struct {
	cmd      *exec.Cmd
	started  time.Time
	logStart int64         // where its output begins in the log file
	ended    chan struct{} // closed after err is set
	err      error
}

func spawn(s Spec) (*child, error) {
	log, logStart, err := openLog(s.LogFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(s.Path, s.Args...)
	cmd.Env, cmd.Dir = s.Env, s.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttr(s.Attr, s.StopSignal)
	if s.Alive != nil {
		cmd.ExtraFiles = []*os.File{s.Alive}
	}
	c := &child{cmd: cmd, started: time.Now(), logStart: logStart, ended: make(chan struct{})}
	if err := c.start(s.StopSignal); err != nil {
		return nil, fmt.Errorf("start %s (%s): %w", s.Name, s.Path, err)
	}
	if s.PIDFile != "" {
		if err := writePID(s.PIDFile, cmd.Process.Pid); err != nil {
			c.signal(s.KillSignal)
			<-c.ended
			return nil, err
		}
	}
	return c, nil
}

// start launches the command and waits for it on a thread of its own: the
// parent-death signal is tied to the *thread* that forked, which must therefore
// live exactly as long as the child does.
func (c *child) start(orphanSignal syscall.Signal) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := c.cmd.Start(); err != nil {
			started <- err
			return
		}
		var g *guard
		var err error
		if guardEach {
			if g, err = newGuard(c.cmd.Process.Pid, orphanSignal); err != nil {
				c.signal(syscall.SIGKILL)
			}
		}
		started <- err
		c.err = c.cmd.Wait()
		g.dismiss()
		close(c.ended)
	}()
	return <-started
}

// signal goes to the child's leader only: a server ends its own children.
func (c *child) signal(sig syscall.Signal) {
	// The only failure is that the process has ended, which c.ended tells too.
	_ = c.cmd.Process.Signal(sig)
}

// running tells whether the child has not ended yet.
func (c *child) running() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

func openLog(path string) (f *os.File, size int64, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, 0, fmt.Errorf("make the log directory: %w", err)
	}
	f, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, 0, fmt.Errorf("open log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("read the size of %s: %w", path, err), f.Close())
	}
	return f, info.Size(), nil
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
