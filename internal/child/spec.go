package child

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Spec describes a program to be run. It may be started any number of times.
type Spec struct {
	Name string // as people know it: "postgres"; empty: the file's name
	Path string // executable
	Args []string
	Env  []string // nil: this process's own
	Dir  string   // working directory; empty: this process's

	Stdin          io.Reader // nil: nothing
	Stdout, Stderr io.Writer // nil: nowhere
	// LogFile gets both outputs, after what is in it, in place of Stdout and
	// Stderr. The child writes to it itself, whatever becomes of this process.
	LogFile string

	// Attr carries namespaces or credentials; may be nil. Process group and
	// parent-death signal are added to a copy.
	Attr *syscall.SysProcAttr
	// Inherited is an open file that the child holds as long as it lives; may be
	// nil.
	Inherited *os.File
	// Family says that the program has children that end with it: signals go to
	// all of them, and it has ended when none is left. Without it they go to the
	// program alone: a server ends its own children.
	Family bool

	// StopSignal asks for an orderly end (default SIGTERM); the child also gets it
	// when this process dies. KillSignal is sent when that takes longer than Grace
	// (default SIGKILL, 15 s).
	StopSignal syscall.Signal
	KillSignal syscall.Signal
	Grace      time.Duration
}

func (s Spec) withDefaults() Spec {
	if s.Name == "" {
		s.Name = filepath.Base(s.Path)
	}
	if s.StopSignal == 0 {
		s.StopSignal = syscall.SIGTERM
	}
	if s.KillSignal == 0 {
		s.KillSignal = syscall.SIGKILL
	}
	if s.Grace == 0 {
		s.Grace = 15 * time.Second
	}
	return s
}
