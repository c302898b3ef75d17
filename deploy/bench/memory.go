package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"
)

// memory is what a process holds resident, in MiB, and the most that it has held.
func memory(pid int) (now, most float64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read how much memory the api takes: only Linux tells: %w", err)
	}
	if now, err = mebibytes(status, "VmRSS"); err != nil {
		return 0, 0, err
	}
	most, err = mebibytes(status, "VmHWM")
	return now, most, err
}

// mebibytes reads a line of /proc/PID/status (proc(5)), as "VmRSS:	   43512 kB".
func mebibytes(status []byte, name string) (float64, error) {
	for line := range bytes.Lines(status) {
		fields := bytes.Fields(line)
		if len(fields) != 3 || string(fields[0]) != name+":" {
			continue
		}
		kibibytes, err := strconv.ParseFloat(string(fields[1]), 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", name, err)
		}
		return math.Round(kibibytes/1024*10) / 10, nil
	}
	return 0, fmt.Errorf("/proc says nothing of %s", name)
}
