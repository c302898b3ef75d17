package main

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	"tenant-provisioning/internal/child"
)

// stopGrace is more than the api and the worker take to stop in order.
const stopGrace = time.Minute

// program is the api or the worker, which chaos starts again itself.
type program struct {
	*child.Process
	spec child.Spec
}

// newProgram starts a program that adds what it says to a log.
func newProgram(bin, logs, name string) (*program, error) {
	p := &program{spec: child.Spec{
		Name: name, Path: filepath.Join(bin, name), LogFile: filepath.Join(logs, name+".log"), Grace: stopGrace,
		// One client makes all requests, and repeats those that fail.
		Env: append(os.Environ(), "RATE_LIMIT_ENABLED=false"),
	}}
	return p, p.start()
}

func (p *program) start() (err error) {
	p.Process, err = child.Start(p.spec)
	return err
}

// restart kills it as a power cut does, and starts it again.
func (p *program) restart() error {
	if err := p.Err(); err != nil {
		return err // by itself
	}
	p.Signal(syscall.SIGKILL)
	<-p.Ended()
	return p.start()
}
