package stack

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"tenant-provisioning/deploy/devstack/internal/port"
	"tenant-provisioning/deploy/devstack/internal/process"
)

// redisProgram finds a Redis server on PATH; empty: there is none.
func redisProgram() string {
	for _, name := range []string{"valkey-server", "redis-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// redisSpec runs a real Redis that keeps what it acknowledged for a second or more.
func redisSpec(program, dir string, p int) (process.Spec, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return process.Spec{}, fmt.Errorf("make Redis's directory: %w", err)
	}
	return process.Spec{
		Name: "redis", Path: program,
		Args: []string{
			"--bind", port.Host, "--port", strconv.Itoa(p), "--dir", dir,
			"--appendonly", "yes", "--save", "", "--daemonize", "no",
		},
		Says: "Ready to accept connections",
	}, nil
}
