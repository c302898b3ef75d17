package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// period is in which time a program may use its part of the CPU, in microseconds: the
// one that container runtimes set.
const period = 100_000

// limiter gives programs a part of the machine's CPU.
type limiter struct {
	// by says how, for whoever reads the figures.
	by string
	// limit prepares a limit for a program of this name. What it returns starts the
	// command that is put behind it, and then takes the limit away.
	limit func(name string, cores float64) (before []string, remove func(), err error)
}

// newLimiter takes the kernel's control groups, as a container's limit does: Go sees
// them, and is stopped for the rest of a period when it has used its part. Where they
// cannot be had, it takes whole cores from a program, which is something else.
func newLimiter(mount string) limiter {
	for _, g := range []groups{
		{by: "cgroup v2", dir: mount, file: "cpu.max", value: func(quota int) string { return fmt.Sprintf("%d %d", quota, period) }},
		{by: "cgroup v1", dir: filepath.Join(mount, "cpu"), file: "cpu.cfs_quota_us", value: strconv.Itoa},
	} {
		if g.usable() {
			return limiter{g.by, g.limit}
		}
	}
	return limiter{"taskset and GOMAXPROCS, for control groups cannot be written here", pin}
}

// groups are control groups of one version.
type groups struct {
	by, dir, file string
	value         func(quota int) string
}

func (g groups) usable() bool {
	// In version 2 a group's children have only what it passes on to them. Where this
	// fails and was needed, they lack the file.
	_ = write(filepath.Join(g.dir, "cgroup.subtree_control"), "+cpu")
	_, remove, err := g.limit("try", 1)
	if err == nil {
		remove()
	}
	return err == nil
}

func (g groups) limit(name string, cores float64) (before []string, remove func(), err error) {
	dir := filepath.Join(g.dir, fmt.Sprintf("tenant-provisioning-bench.%d.%s", os.Getpid(), name))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make a control group: %w", err)
	}
	remove = func() { _ = os.Remove(dir) } // one that stays is empty, and costs nothing
	if err := write(filepath.Join(dir, g.file), g.value(int(cores*period))); err != nil {
		remove()
		return nil, nil, fmt.Errorf("limit a control group: %w", err)
	}
	// Go looks for its group when it starts: the program must be in it by then.
	return []string{"sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(dir, "cgroup.procs")}, remove, nil
}

// write writes a file that is there. Where it is not, it is not made: the directory may
// be an ordinary one.
func write(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// pin is for whole cores only.
func pin(_ string, cores float64) (before []string, remove func(), err error) {
	n := int(cores)
	if cores != math.Trunc(cores) || n > runtime.NumCPU() {
		return nil, nil, fmt.Errorf("%v cores: without control groups only whole cores that this machine has", cores)
	}
	return []string{"taskset", "--cpu-list", fmt.Sprintf("0-%d", n-1), "env", fmt.Sprintf("GOMAXPROCS=%d", n)}, func() {}, nil
}
