package postgrestest

import (
	"os"
	"syscall"
)

// ordinary makes a child process an ordinary user's, and end with the test.
func ordinary() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return attr
}
