//go:build unix && !linux

package child

import "syscall"

// guardEach is true where no kernel feature ends children with their parent.
const guardEach = true

func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}
