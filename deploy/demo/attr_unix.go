//go:build unix && !linux

package main

import "syscall"

// childAttr keeps a terminal's Ctrl-C from the children, which are stopped in
// order.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
