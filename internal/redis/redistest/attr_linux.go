package redistest

import "syscall"

// endWithParent keeps a server from outliving tests that were killed.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
