package main

import "syscall"

// childAttr keeps a terminal's Ctrl-C from the children, which are stopped in
// order, and has the kernel end them when this process is killed.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
