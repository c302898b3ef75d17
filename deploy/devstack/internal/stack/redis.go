package stack

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"tenant-provisioning/deploy/devstack/internal/port"
	"tenant-provisioning/deploy/devstack/internal/supervisor"
	"tenant-provisioning/internal/child"
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

// redisServer runs a real Redis that keeps what it acknowledged for a second or more.
func redisServer(program, dir string, p int) (supervisor.Server, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return supervisor.Server{}, fmt.Errorf("make Redis's directory: %w", err)
	}
	return supervisor.Server{
		Spec: child.Spec{Name: "redis", Path: program, Args: []string{
			"--bind", port.Host, "--port", strconv.Itoa(p), "--dir", dir,
			"--appendonly", "yes", "--save", "", "--daemonize", "no",
		}},
		Says: "Ready to accept connections",
	}, nil
}
