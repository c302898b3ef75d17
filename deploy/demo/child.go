package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// child is a program of the product that runs beside the demo.
type child struct {
	name string
	log  string
	cmd  *exec.Cmd
	// done is closed when the program has ended; err is set before.
	done chan struct{}
	err  error
}

// startChild starts a program with its output in a new log file.
func startChild(name, path, logs string) (*child, error) {
	if err := os.MkdirAll(logs, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder for logs: %w", err)
	}
	c := &child{name: name, log: filepath.Join(logs, name+".log"), done: make(chan struct{})}
	file, err := os.Create(c.log)
	if err != nil {
		return nil, fmt.Errorf("make a log for %s: %w", name, err)
	}
	defer file.Close() //nolint:errcheck // the child has its own handle
	c.cmd = exec.Command(path)
	c.cmd.Stdout, c.cmd.Stderr = file, file
	c.cmd.SysProcAttr = childAttr()
	started := make(chan error, 1)
	go func() {
		// On Linux the child ends with the thread that started it.
		runtime.LockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.err = c.cmd.Wait()
			close(c.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s (build it with: make build): %w", path, err)
	}
	return c, nil
}

// stop asks the child to end, and insists after the grace period.
func (c *child) stop(grace time.Duration) {
	// A signal fails only when the child has ended, which is what is wanted.
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	limit := time.NewTimer(grace)
	defer limit.Stop()
	select {
	case <-c.done:
		return
	case <-limit.C:
	}
	_ = c.cmd.Process.Kill()
	<-c.done
}

// endedError is a child that ended by itself.
type endedError struct{ c *child }

// Error says which log to read, and shows its end.
func (e *endedError) Error() string {
	how := "ended"
	if e.c.err != nil {
		how = "ended: " + e.c.err.Error()
	}
	return fmt.Sprintf("%s %s. Its log is %s; the last lines:\n%s", e.c.name, how, e.c.log, e.c.tail())
}

const tailLines = 15

func (c *child) tail() string {
	data, err := os.ReadFile(c.log)
	if err != nil {
		return "  " + err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte{'\n'})
	lines = lines[max(0, len(lines)-tailLines):]
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return strings.TrimRight(b.String(), "\n")
}

// together ends the context when a child ends, with that as its cause.
func together(ctx context.Context, children []*child) (context.Context, context.CancelFunc) {
	ctx, fail := context.WithCancelCause(ctx)
	for _, c := range children {
		go func() {
			select {
			case <-c.done:
				fail(&endedError{c})
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { fail(nil) }
}
