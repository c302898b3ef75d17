package stack

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

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
		Ready: func(ctx context.Context) error { return ping(ctx, p) },
	}, nil
}

// ping returns nil when Redis answers; while it loads its data it refuses.
func ping(ctx context.Context, p int) error {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", port.Address(p))
	if err != nil {
		return fmt.Errorf("connect to Redis: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return fmt.Errorf("ping Redis: %w", err)
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return fmt.Errorf("ping Redis: %w", err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return fmt.Errorf("ping Redis: %w", err)
	}
	if answer = strings.TrimSpace(answer); answer != "+PONG" {
		return fmt.Errorf("ping Redis: it answers %q", answer)
	}
	return nil
}
