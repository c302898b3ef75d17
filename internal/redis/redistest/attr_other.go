//go:build !linux

package redistest

import "syscall"

// endWithParent: only Linux can.
func endWithParent() *syscall.SysProcAttr { return nil }
