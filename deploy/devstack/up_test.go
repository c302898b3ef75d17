package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/deploy/devstack/internal/port"
)

func TestCommandRunsOnTheStackAndItsStatusComesBack(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	p := start(t, []string{"TMPDIR=" + tmp, "DB_PASSWORD_FILE=/nowhere"}, "up", "--ephemeral", "--no-setup",
		"sh", "-c", `test -n "$TEMPORAL_ADDRESS" -a -z "$DB_PASSWORD_FILE" || exit 1; echo to standard output; exit 7`)
	require.Equal(t, 7, p.wait(t))
	require.Equal(t, "to standard output\n", p.stdout.String(), "COMMAND has standard output for itself")
	left, err := filepath.Glob(filepath.Join(tmp, "devstack-ephemeral-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestCommandIsInterruptedBeforeTheStack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release := filepath.Join(dir, "release")
	script := `trap 'echo interrupted; until [ -e "$0" ]; do sleep 0.1; done; exit 5' INT; echo waiting; while :; do sleep 0.1; done`
	p := start(t, nil, "up", "--data-dir", dir, "--no-setup", "sh", "-c", script, release)
	p.ready(t, "waiting")
	env := environmentOf(t, filepath.Join(dir, "env"))
	p.signal(syscall.SIGINT)
	p.ready(t, "interrupted")
	require.True(t, serving(t, env), "the stack is there for what COMMAND has to finish")
	require.NoError(t, os.WriteFile(release, nil, 0o600))
	require.Equal(t, 5, p.wait(t))
	require.NoFileExists(t, filepath.Join(dir, "env"))
	require.True(t, unlocked(t, dir))
}

func TestASecondSignalEndsACommandThatDoesNotListen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, nil, "up", "--data-dir", dir, "--no-setup", "sh", "-c", `trap "" INT TERM; echo waiting; while :; do sleep 1; done`)
	p.ready(t, "waiting")
	p.signal(syscall.SIGTERM)
	eventually(t, func() bool { return strings.Contains(p.stderr.String(), "once more") }, "the first signal is heard")
	p.signal(syscall.SIGTERM)
	require.Equal(t, 128+int(syscall.SIGKILL), p.wait(t))
	require.True(t, unlocked(t, dir))
}

// A program that knows nothing of leases takes the ports that the stack has
// chosen before its servers listen there.
func TestPortsAreTakenBetweenChoiceAndUse(t *testing.T) {
	t.Parallel()
	for name, vars := range map[string][]string{"in one process": nil, "isolated": {"DEVSTACK_ISOLATE=1"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmp := t.TempDir()
			p := start(t, append(vars, "TMPDIR="+tmp), "up", "--ephemeral", "--no-setup", "sh", "-c", "echo $TEMPORAL_ADDRESS $SOROBAN_RPC_URL")
			var chosen []int
			eventually(t, func() bool {
				chosen = leased(t, tmp)
				const all = 11
				return len(chosen) >= all
			}, "ports are chosen")
			var stolen []string
			for _, of := range chosen {
				thief, err := net.Listen("tcp", port.Address(of))
				if err != nil {
					continue // a server was faster
				}
				defer thief.Close()
				stolen = append(stolen, port.Address(of))
			}
			require.Zero(t, p.wait(t), p.stderr.String())
			require.Contains(t, p.stderr.String(), "another program took a port")
			require.Contains(t, p.stdout.String(), "http://127.0.0.1:")
			for _, address := range stolen {
				require.NotContains(t, p.stdout.String(), address)
			}
		})
	}
}

// leased lists the ports that stacks with a temporary directory have tried to
// lease.
func leased(t *testing.T, tmp string) (ports []int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(tmp, "devstack-ports-*", "*"))
	require.NoError(t, err)
	for _, f := range files {
		p, err := strconv.Atoi(filepath.Base(f))
		require.NoError(t, err)
		ports = append(ports, p)
	}
	return ports
}

func TestDataSurvivesARestart(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]syscall.Signal{"in order": syscall.SIGTERM, "after kill -9": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			first := start(t, nil, "up", "--data-dir", dir, "--no-setup")
			first.ready(t, "devstack ready")
			before := environmentOf(t, filepath.Join(dir, "env"))
			leaveTraces(t, before)
			first.signal(end)
			first.wait(t)

			second := start(t, nil, "up", "--data-dir", dir, "--no-setup")
			second.ready(t, "devstack ready")
			after := environmentOf(t, filepath.Join(dir, "env"))
			findTraces(t, after)
			for _, secret := range []string{"DB_PASSWORD", "JWT_SECRET", "MAIL_PASSWORD", "SOROBAN_CONTRACT_DEPLOYER_SECRET", "SOROBAN_CHANNEL_SECRET"} {
				require.Equal(t, before[secret], after[secret], secret)
			}
			require.GreaterOrEqual(t, len(after["JWT_SECRET"]), 64)
			second.signal(syscall.SIGTERM)
			require.Zero(t, second.wait(t))
		})
	}
}

func TestNothingOutlivesAKilledSupervisor(t *testing.T) {
	t.Parallel()
	for name, vars := range map[string][]string{"in one process": nil, "isolated": {"DEVSTACK_ISOLATE=1"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			sleeper := filepath.Join(dir, "sleeper")
			p := start(t, vars, "up", "--data-dir", dir, "--no-setup",
				"sh", "-c", `sleep 1000 & echo $! > "$0"; echo waiting; wait`, sleeper)
			p.ready(t, "waiting")
			raw, err := os.ReadFile(sleeper)
			require.NoError(t, err)
			var grandchild int
			_, err = fmt.Sscan(string(raw), &grandchild)
			require.NoError(t, err)

			p.signal(syscall.SIGKILL)
			p.wait(t)
			eventually(t, func() bool { return unlocked(t, dir) }, "all components end")
			eventually(t, func() bool { return !alive(grandchild) }, "COMMAND's child ends")
		})
	}
}

func TestIsolatedComponentsAreStartedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, []string{"DEVSTACK_ISOLATE=1"}, "up", "--data-dir", dir, "--no-setup")
	p.ready(t, "devstack ready")
	env := environmentOf(t, filepath.Join(dir, "env"))
	leaveTraces(t, env)
	for _, name := range []string{"redis", "mail", "stellar", "temporal", "postgres"} {
		old := pidOf(t, dir, name)
		require.NoError(t, syscall.Kill(old, syscall.SIGKILL))
		eventually(t, func() bool { return pidOf(t, dir, name) != old }, "%s has a new pid", name)
	}
	eventually(t, func() bool { return serving(t, env) }, "all answer at the same addresses")
	findTraces(t, env)
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.wait(t))
	require.True(t, unlocked(t, dir))
	require.NoDirExists(t, filepath.Join(dir, "pids", "postgres"))
}

func TestADyingComponentEndsTheCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, nil, "up", "--data-dir", dir, "--no-setup", "sh", "-c", `echo waiting; sleep 1000`)
	p.ready(t, "waiting")
	require.NoError(t, syscall.Kill(pidOf(t, dir, "postgres"), syscall.SIGKILL))
	require.NotZero(t, p.wait(t))
	require.Contains(t, p.stderr.String(), "postgres ended: signal: killed")
	require.Contains(t, p.stderr.String(), filepath.Join(dir, "logs", "postgres.log"))
}

func TestTwoStacksAtATime(t *testing.T) {
	t.Parallel()
	// Whether the first stack has a usual port depends on those of other tests. Of
	// this one, on which no component listens, nobody has to know.
	const usual = 3000
	if somebody, err := net.Listen("tcp", port.Address(usual)); err == nil {
		defer somebody.Close()
	}
	one, two := t.TempDir(), t.TempDir()
	first := start(t, nil, "up", "--data-dir", one, "--no-setup")
	first.ready(t, "devstack ready")
	second := start(t, nil, "up", "--data-dir", two, "--no-setup")
	second.ready(t, "devstack ready")
	require.Contains(t, second.stderr.String(), fmt.Sprintf("port %d is taken", usual))
	a, b := environmentOf(t, filepath.Join(one, "env")), environmentOf(t, filepath.Join(two, "env"))
	for _, name := range []string{"APP_PORT", "DB_PORT", "REDIS_PORT", "TEMPORAL_ADDRESS", "TEMPORAL_UI_URL", "SOROBAN_RPC_URL", "MAIL_CATCHER_URL", "METRICS_ADDR"} {
		require.NotEqual(t, a[name], b[name], name)
	}
	require.True(t, serving(t, a))
	require.True(t, serving(t, b))

	refused := start(t, nil, "up", "--data-dir", one, "--no-setup")
	require.Equal(t, 1, refused.wait(t))
	require.Contains(t, refused.stderr.String(), fmt.Sprintf("another devstack (pid %d)", first.cmd.Process.Pid))
	require.FileExists(t, filepath.Join(one, "env"), "the refused stack leaves the other's file alone")
}

func TestAFailedSetUpStopsTheStackAndIsShown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	starter := filepath.Join(dir, "starter")
	script := "#!/bin/sh\n[ \"$1\" = migrate ] && exit 0\necho \"$1: cannot reach $TEMPORAL_ADDRESS\"; exit 3\n"
	require.NoError(t, os.WriteFile(starter, []byte(script), 0o700))
	p := start(t, nil, "up", "--data-dir", dir, "--starter", starter)
	require.Equal(t, 1, p.wait(t))
	require.Contains(t, p.stderr.String(), "setup: cannot reach 127.0.0.1:")
	require.NotContains(t, p.stdout.String(), "devstack ready")
	require.NoFileExists(t, filepath.Join(dir, "env"))
	require.True(t, unlocked(t, dir))
}

// serving tells whether all components answer.
func serving(t *testing.T, env map[string]string) bool {
	t.Helper()
	ctx := withTimeout(t)
	conn, err := pgx.Connect(ctx, databaseURL(env))
	if err != nil {
		return false
	}
	defer conn.Close(ctx)
	if temporalServing(ctx, env) != nil || redisServing(ctx, env) != nil || ledgerServing(ctx, env) != nil {
		return false
	}
	for _, url := range []string{env["MAIL_CATCHER_URL"] + "/messages", env["TEMPORAL_UI_URL"]} {
		answer, err := http.Get(url)
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return false
		}
	}
	return true
}

// alive tells whether a process runs; one that ended and that nobody has waited
// for does not.
func alive(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil && !os.IsNotExist(err)
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	return !strings.HasPrefix(rest, "Z")
}
