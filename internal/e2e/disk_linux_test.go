package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/child"
)

// launchOnDisk is a launcher of programs that see a small file system at dir.
// It is in memory, and mounted in a mount namespace of the program's own: who is
// not root has one in a user namespace. Where the machine allows neither, the
// test is skipped.
func launchOnDisk(t testing.TB, dir string, size diskSize) launcher {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		const administrate = 21 // CAP_SYS_ADMIN, within that namespace
		attr.AmbientCaps = []uintptr{administrate}
	}
	probe := exec.Command(self, "/bin/true")
	probe.Env, probe.SysProcAttr = []string{diskSetting + "=" + dir, diskSizeSetting + "=" + string(size)}, attr
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("needs to mount a file system, as root or in a user namespace, and this machine does not allow it: %v %s", err, out)
	}
	return func(t testing.TB, env map[string]string, program string, args ...string) *process {
		t.Helper()
		env = maps.Clone(env)
		env[diskSetting], env[diskSizeSetting] = dir, string(size)
		return launchAs(t, child.Spec{Path: self, Args: append([]string{program}, args...), Attr: attr}, env)
	}
}

// execOnDisk mounts the file system and goes on as the program. It returns only
// when it has failed.
func execOnDisk(dir string, args []string) error {
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep the mounts to itself: %w", err)
	}
	var flags uintptr
	if os.Getenv(diskReadOnly) != "" {
		flags = syscall.MS_RDONLY
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, "mode=0755,size="+os.Getenv(diskSizeSetting)); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, diskSetting) })
	return fmt.Errorf("start %s: %w", args[0], syscall.Exec(args[0], args, env))
}
