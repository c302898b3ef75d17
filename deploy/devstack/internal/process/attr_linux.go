package process

import "syscall"

// guardEach is false where the kernel itself signals children of a dead parent.
const guardEach = false

// childAttr puts the child into a process group of its own and has the kernel
// send it sig when the starting thread ends.
func childAttr(base *syscall.SysProcAttr, sig syscall.Signal) *syscall.SysProcAttr {
	var attr syscall.SysProcAttr
	if base != nil {
		attr = *base
	}
	attr.Setpgid = true
	attr.Pdeathsig = sig
	return &attr
}
