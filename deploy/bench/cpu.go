package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ticksPerSecond is USER_HZ, which Linux fixes at 100 for what /proc shows.
const ticksPerSecond = 100

// cpu is the seconds of CPU that each part of the stack has used so far.
type cpu map[string]float64

type process struct {
	parent  int
	name    string
	seconds float64
}

// readCPU adds up the processes of the stack that this command runs under: all
// descendants of the devstack that started it. A child that has ended counts
// with the parent that has waited for it.
func readCPU() (cpu, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	root := os.Getppid()
	used := cpu{}
	for pid, p := range all {
		if descends(all, pid, root) {
			used[p.name] += p.seconds
		}
	}
	return used, nil
}

func descends(all map[int]process, pid, root int) bool {
	for ; pid > 1; pid = all[pid].parent {
		if pid == root {
			return true
		}
	}
	return false
}

func processes() (map[int]process, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return nil, fmt.Errorf("read /proc: it is needed to account for CPU time: %w", err)
	}
	all := map[int]process{}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue // not a process
		}
		p, err := parseStat(stat)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		p.name = role(pid, p.name)
		all[pid] = p
	}
	return all, nil
}

// parseStat reads a line of /proc/PID/stat (proc(5)): the command's name in
// parentheses, the parent as field 4, utime, stime, cutime and cstime as
// fields 14 to 17.
func parseStat(stat []byte) (process, error) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return process{}, fmt.Errorf("unexpected form: %q", stat)
	}
	fields := strings.Fields(string(stat[end+1:])) // from field 3 on
	if len(fields) < 15 {
		return process{}, fmt.Errorf("too few fields: %q", stat)
	}
	p := process{name: string(stat[open+1 : end])}
	var err error
	if p.parent, err = strconv.Atoi(fields[1]); err != nil {
		return process{}, err
	}
	for _, f := range fields[11:15] {
		ticks, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return process{}, err
		}
		p.seconds += ticks / ticksPerSecond
	}
	return p, nil
}

// role names what a process does: a devstack by its verb, the rest by their
// program.
func role(pid int, name string) string {
	if name != "devstack" {
		return name
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return name
	}
	args := strings.Split(string(line), "\x00")
	if len(args) > 1 && args[1] != "up" {
		return args[1]
	}
	return name
}
