package service_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/build"
	"tenant-provisioning/internal/child"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/service"
)

// runsService makes the test's binary a service, and says what it does.
const runsService = "TEST_RUNS_SERVICE"

func TestMain(m *testing.M) {
	does := os.Getenv(runsService)
	if does == "" {
		os.Exit(m.Run())
	}
	err := service.Run(context.Background(), "tester", "Test.", os.Args[1:], config.NeedDB, func(ctx context.Context, s *service.Service) error {
		if does == "fail" {
			return errors.New("the work has failed")
		}
		s.Log.Info("working")
		<-ctx.Done()
		s.Log.Info("stopping")
		if does == "hang" {
			<-make(chan struct{})
		}
		return nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "tester:", err)
		os.Exit(1)
	}
}

// limit bounds what a test waits for on a busy machine.
const limit = 2 * time.Minute

// start starts a service with nothing but these settings.
func start(t *testing.T, does string, settings ...string) *child.Process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir() // without a .env
	p, err := child.Start(child.Spec{
		Name: "tester", Path: self, Dir: dir, LogFile: filepath.Join(dir, "log"), Env: append(settings, runsService+"="+does),
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		p.Signal(syscall.SIGKILL)
		<-p.Ended()
	})
	return p
}

// nobody is a database that is away.
func nobody() []string {
	return []string{"DB_HOST=127.0.0.1", "DB_PORT=1", "DB_USERNAME=nobody", "DB_NAME=none", "DB_PASSWORD=x"}
}

func ends(t *testing.T, p *child.Process) (status int) {
	t.Helper()
	select {
	case <-p.Ended():
	case <-time.After(limit):
		require.FailNow(t, "it does not end")
	}
	status, err := p.Wait()
	require.NoError(t, err)
	return status
}

func TestASignalEndsTheWork(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := start(t, "stop", nobody()...)
		require.NoError(t, p.Ready(t.Context(), limit, p.Says(`"msg":"working","process":"tester"`)), "without its database")
		p.Signal(sig)
		require.Zero(t, ends(t, p), "%v", p.Err())
	}
}

func TestASecondSignalEndsTheProcess(t *testing.T) {
	t.Parallel()
	p := start(t, "hang", nobody()...)
	require.NoError(t, p.Ready(t.Context(), limit, p.Says("working")))
	p.Signal(syscall.SIGTERM)
	require.NoError(t, p.Ready(t.Context(), limit, p.Says("stopping")))
	require.Eventually(t, func() bool { p.Signal(syscall.SIGTERM); return !p.Running() }, limit, 10*time.Millisecond)
	require.Equal(t, 128+int(syscall.SIGTERM), ends(t, p))
}

// TestLogsAreInFilesToo, each process's own; a LOG_DIR that cannot be used stops
// nothing.
func TestLogsAreInFilesToo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ready := func(p *child.Process) {
		require.NoError(t, p.Ready(t.Context(), limit, p.Says(`"msg":"working","process":"tester"`)))
	}
	first := start(t, "stop", append(nobody(), "LOG_DIR="+dir)...)
	ready(first)
	second := start(t, "stop", append(nobody(), "LOG_DIR="+dir)...)
	ready(second)
	for _, p := range []*child.Process{first, second} {
		p.Signal(syscall.SIGTERM)
		require.Zero(t, ends(t, p), "%v", p.Err())
	}
	for _, folder := range []string{"tester", "tester-2"} {
		log, err := os.ReadFile(filepath.Join(dir, folder, "combined.log"))
		require.NoError(t, err)
		require.Contains(t, string(log), `"msg":"stopping"`, "the last line is written")
		require.Equal(t, 1, strings.Count(string(log), `"msg":"working"`))
	}

	p := start(t, "stop", append(nobody(), "LOG_DIR=/dev/null/logs")...)
	ready(p)
	require.NoError(t, p.Ready(t.Context(), limit, p.Says("LOG_DIR cannot be written to")))
	p.Signal(syscall.SIGTERM)
	require.Zero(t, ends(t, p), "%v", p.Err())
}

func TestWhatKeepsItFromWorkIsSaid(t *testing.T) {
	t.Parallel()
	p := start(t, "stop", "DB_PORT=none")
	require.Equal(t, 1, ends(t, p))
	require.ErrorContains(t, p.Err(), "DB_PORT")
	require.NotContains(t, p.Err().Error(), "working")

	p = start(t, "fail", nobody()...)
	require.Equal(t, 1, ends(t, p))
	require.ErrorContains(t, p.Err(), "tester: the work has failed")
}

// TestASecretFromAFile is what its file says, without the newline at its end. One
// that cannot be had ends the process before it works, by the setting's name.
func TestASecretFromAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	settings := nobody()[:len(nobody())-1] // without the password
	p := start(t, "stop", append(settings, "DB_PASSWORD_FILE="+file("password", "hunter2\n"))...)
	require.NoError(t, p.Ready(t.Context(), limit, p.Says(`"msg":"working"`)))
	for _, set := range [][]string{
		{"DB_PASSWORD_FILE=" + file("empty", "\n")}, {"DB_PASSWORD_FILE=" + dir}, {"DB_PASSWORD_FILE=" + filepath.Join(dir, "absent")},
		{"DB_PASSWORD_FILE=" + file("twice", "hunter2"), "DB_PASSWORD=hunter2"},
	} {
		p := start(t, "stop", append(settings, set...)...)
		require.Equal(t, 1, ends(t, p))
		require.ErrorContains(t, p.Err(), "DB_PASSWORD", set)
		require.NotContains(t, p.Err().Error(), "hunter2")
		require.NotContains(t, p.Err().Error(), "working")
	}
}

// TestTheFirstLineSaysWhatRuns: whoever has only the log knows the version.
func TestTheFirstLineSaysWhatRuns(t *testing.T) {
	t.Parallel()
	p := start(t, "fail", nobody()...)
	require.Equal(t, 1, ends(t, p))
	_, said, _ := strings.Cut(p.Err().Error(), "the last lines:\n")
	first, _, _ := strings.Cut(said, "\n")
	require.Contains(t, first, `"msg":"starting"`)
	require.Contains(t, first, `"version":"`+build.This().Version+`"`)
	require.Contains(t, first, `"go":"`+build.This().Go+`"`)
}
