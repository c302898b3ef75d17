//go:build unix && !linux

package postgrestest

import (
	"os"
	"syscall"
)

// ordinary makes a child process an ordinary user's.
func ordinary() *syscall.SysProcAttr {
	if os.Geteuid() != 0 {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}
