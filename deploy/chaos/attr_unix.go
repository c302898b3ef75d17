//go:build unix && !linux

package main

import "syscall"

// childAttr keeps a terminal's Ctrl-C from the children.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
