//go:build unix && !linux

package process

import "syscall"

// guardEach is true where no kernel feature ends children with their parent.
const guardEach = true

// childAttr puts the child into a process group of its own.
func childAttr(base *syscall.SysProcAttr, _ syscall.Signal) *syscall.SysProcAttr {
	var attr syscall.SysProcAttr
	if base != nil {
		attr = *base
	}
	attr.Setpgid = true
	return &attr
}
