//go:build !linux

package e2e

import "syscall"

// endWithParent: only Linux can.
func endWithParent() *syscall.SysProcAttr { return nil }
