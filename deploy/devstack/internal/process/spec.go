package process

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// Spec describes a child process.
type Spec struct {
	Name string   // as people know it: "postgres"
	Path string   // executable
	Args []string // without the program's name
	Env  []string // nil: the supervisor's own
	Dir  string   // working directory; empty: the supervisor's

	// Attr carries a user namespace or credentials. Process group and
	// parent-death signal are added to a copy.
	Attr *syscall.SysProcAttr

	LogFile string   // standard output and error are appended to it
	PIDFile string   // written at every start, removed at the end; may be empty
	Alive   *os.File // inherited, see the package's doc; may be nil

	// StopSignal asks for an orderly end (default SIGTERM), KillSignal is sent
	// when that takes longer than StopLimit (default SIGKILL, 15 s).
	StopSignal syscall.Signal
	KillSignal syscall.Signal
	StopLimit  time.Duration

	// Says is found in the child's output once it serves. An answer on its port
	// tells less: it may be another program's, before the child has found that it
	// cannot listen there. Empty: it need not say anything.
	Says string
	// Ready returns nil once the child serves; it is polled. Nil: it
	// does as soon as it has said so.
	Ready func(ctx context.Context) error
	// ReadyLimit is how long that may take (default 60 s: a database recovering
	// after a crash on a busy machine).
	ReadyLimit time.Duration

	// Restart starts the child again whenever it ends without having been told
	// to. Otherwise its end is reported on [Process.Ended].
	Restart bool
}

func (s Spec) withDefaults() Spec {
	if s.StopSignal == 0 {
		s.StopSignal = syscall.SIGTERM
	}
	if s.KillSignal == 0 {
		s.KillSignal = syscall.SIGKILL
	}
	if s.StopLimit == 0 {
		s.StopLimit = 15 * time.Second
	}
	if s.ReadyLimit == 0 {
		s.ReadyLimit = 60 * time.Second
	}
	if s.Ready == nil {
		s.Ready = func(context.Context) error { return nil }
	}
	return s
}

func (s Spec) validate() error {
	var errs []error
	if s.Name == "" {
		errs = append(errs, errors.New("a child process needs a name"))
	}
	if s.Path == "" {
		errs = append(errs, errors.New("a child process needs an executable"))
	}
	if s.LogFile == "" {
		errs = append(errs, errors.New("a child process needs a log file"))
	}
	return errors.Join(errs...)
}
