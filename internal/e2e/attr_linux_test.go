package e2e

import "syscall"

// endWithParent keeps programs from outliving a test that was killed.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
