package pgserver

import (
	"os"
	"os/exec"
	"syscall"
)

// WhoRuns finds out whom PostgreSQL can run as. An ordinary user runs it as
// itself. Root runs it in a user namespace where root is uid 1000: files still
// belong to root, so any directory will do. Where that is refused (a container
// runtime's seccomp profile, a sysctl), it runs as nobody.
func WhoRuns() Identity {
	if os.Geteuid() != 0 {
		return Identity{Name: "the calling user", owner: os.Geteuid()}
	}
	probe := exec.Command("/bin/true")
	probe.SysProcAttr = namespaced()
	if probe.Run() == nil {
		return Identity{Attr: namespaced(), Name: "root in a user namespace"}
	}
	return asNobody()
}

func namespaced() *syscall.SysProcAttr {
	const ordinary = 1000 // any uid but 0 would do
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: ordinary, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: ordinary, HostID: 0, Size: 1}},
	}
}
