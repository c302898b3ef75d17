package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// child is the api or the worker, which chaos starts again itself.
type child struct {
	name, path string
	log        *os.File
	cmd        *exec.Cmd
	done       chan struct{}
}

// newChild starts a program that adds what it says to a log.
func newChild(bin, logs, name string) (*child, error) {
	log, err := os.Create(filepath.Join(logs, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("make a log for the %s: %w", name, err)
	}
	c := &child{name: name, path: filepath.Join(bin, name), log: log}
	return c, c.start()
}

func (c *child) start() error {
	c.cmd = exec.Command(c.path) //nolint:gosec // -bin is the caller's own
	// One client makes all requests, and repeats those that fail.
	c.cmd.Env = append(os.Environ(), "RATE_LIMIT_ENABLED=false")
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.SysProcAttr = c.log, c.log, childAttr()
	cmd, done, started := c.cmd, make(chan struct{}), make(chan error, 1)
	c.done = done
	go func() {
		runtime.LockOSThread() // on Linux the child ends with the thread that started it
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed, or its log says why it ended
			close(done)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", c.path, err)
	}
	return nil
}

// restart kills it as a power cut does, and starts it again.
func (c *child) restart() error {
	select {
	case <-c.done:
		return fmt.Errorf("the %s had ended by itself; its log is %s", c.name, c.log.Name())
	default:
	}
	c.signal(syscall.SIGKILL)
	<-c.done
	return c.start()
}

// stop ends it in order.
func (c *child) stop() {
	c.signal(syscall.SIGTERM)
	<-c.done
	_ = c.log.Close() // everything was written by the child
}

func (c *child) signal(s syscall.Signal) {
	_ = c.cmd.Process.Signal(s) // it fails only when the child has ended
}
