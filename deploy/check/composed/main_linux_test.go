package composed

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	// programs names the directory with what stands in place of the images.
	programs = "COMPOSED_PROGRAMS"
	// apart is set in the process that has namespaces of its own.
	apart = "COMPOSED_APART"
	// place is where that process keeps roots and volumes, in memory. Nobody else sees
	// them, and they end with it.
	place = "/mnt"
)

// TestMain runs the tests once more, in namespaces of their own. Whatever they start
// or mount is gone when they have ended, however they end.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(programs) == "":
		os.Exit(m.Run()) // each is skipped
	case os.Getenv(apart) == "":
		os.Exit(again())
	}
	if err := furnish(); err != nil {
		fmt.Fprintln(os.Stderr, "prepare the namespaces:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func again() int {
	runtime.LockOSThread() // whose end would end the child
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), apart+"=yes")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL,
	}
	err := cmd.Run()
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "make namespaces, for which it must be root:", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// furnish keeps mounts from the rest of the machine, and has loopback addresses work.
func furnish() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to itself: %w", err)
	}
	if err := unix.Mount("tmpfs", place, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount memory at %s: %w", place, err)
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback)
}
