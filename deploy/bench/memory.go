package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"
)

// Memory is what a process holds, in MiB.
type Memory struct {
	// Resident is VmRSS. Its own memory, RssAnon, is a part of it: the rest are pages of
	// the program's file, which the kernel takes back when it needs them.
	Resident float64 `json:"rssMiB"`
	Own      float64 `json:"rssAnonMiB"`
	// Peak is the most that was resident, VmHWM.
	Peak float64 `json:"peakMiB"`
}

// memory reads what a process holds.
func memory(pid int) (m Memory, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, fmt.Errorf("read how much memory a program takes: only Linux tells: %w", err)
	}
	for name, to := range map[string]*float64{"VmRSS": &m.Resident, "RssAnon": &m.Own, "VmHWM": &m.Peak} {
		if *to, err = mebibytes(status, name); err != nil {
			return m, err
		}
	}
	return m, nil
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
