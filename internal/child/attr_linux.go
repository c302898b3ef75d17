package child

import "syscall"

// guardEach is false where the kernel itself signals children of a dead parent.
const guardEach = false

// endWithParent has the kernel send sig when the starting thread ends.
func endWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
