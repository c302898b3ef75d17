package composed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"tenant-provisioning/internal/child"
)

// What Docker has where the file says nothing.
const (
	defaultGrace    = 10 * time.Second
	defaultInterval = 30 * time.Second
	defaultTimeout  = 30 * time.Second
	defaultRetries  = 3
	restartPause    = 100 * time.Millisecond
)

// container is one service's.
type container struct {
	service types.ServiceConfig
	root    root
	user    *syscall.Credential
	env     []string
	dir     string
	args    []string
	stops   syscall.Signal

	healthy chan struct{} // closed when its health check has succeeded
	ended   chan struct{} // closed when it will not be started again
	unfit   chan struct{} // closed when it is unhealthy

	mu       sync.Mutex
	process  *child.Process
	stopping bool
	starts   int
	status   int   // of the last process
	failure  error // why it is unhealthy
}

// newContainer makes a service's container, with another command where there is one.
func newContainer(t *testing.T, p *types.Project, s types.ServiceConfig, command ...string) *container {
	t.Helper()
	i := imageOf(t, s)
	c := &container{
		service: s, user: credential(t, cmp.Or(s.User, i.user)), dir: cmp.Or(s.WorkingDir, i.dir, "/"), stops: cmp.Or(i.stop, syscall.SIGTERM),
		healthy: make(chan struct{}), ended: make(chan struct{}), unfit: make(chan struct{}),
	}
	require.Empty(t, s.StopSignal, "it is the image's")
	c.root = newRoot(t, p, s, i, int(c.user.Uid))
	require.NoError(t, os.MkdirAll(c.root.path+c.dir, 0o755))
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	if i.path != "" {
		path = i.path + ":" + path
	}
	c.env = []string{"PATH=" + path, "LANG=C.UTF-8"}
	for name, value := range s.Environment {
		require.NotNil(t, value, "%s is taken from whoever calls compose", name)
		c.env = append(c.env, name+"="+*value)
	}
	entrypoint, otherwise := i.entrypoint, i.command
	if s.Entrypoint != nil {
		entrypoint, otherwise = s.Entrypoint, nil // as Docker has it
	}
	switch {
	case command != nil:
	case s.Command != nil:
		command = s.Command
	default:
		command = otherwise
	}
	c.args = slices.Concat(entrypoint, command)
	require.NotEmpty(t, c.args, "%s has nothing to run", s.Name)
	return c
}

// credential is a user of the container: a number, or a name that the machine knows.
func credential(t *testing.T, name string) *syscall.Credential {
	t.Helper()
	if name == "" {
		return &syscall.Credential{}
	}
	uid, gid, _ := strings.Cut(name, ":")
	if u, err := user.Lookup(uid); err == nil {
		uid, gid = u.Uid, u.Gid
	}
	number := func(text string) uint32 {
		n, err := strconv.ParseUint(text, 10, 32)
		require.NoError(t, err, "user %s", name)
		return uint32(n)
	}
	return &syscall.Credential{Uid: number(uid), Gid: number(gid)}
}

// attr has a process see the container's root as its user. The first process is number
// 1 there, as in Docker: a signal that it does not handle does not end it.
func (c *container) attr(first bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Chroot: c.root.path, Credential: c.user}
	if first {
		attr.Cloneflags = unix.CLONE_NEWPID
	}
	return attr
}

// finder looks programs up in the container's PATH.
const finder = "/usr/bin/env"

func (c *container) log() string { return filepath.Join(filepath.Dir(c.root.path), "log") }

// launch starts the container's process, unless the container is stopped.
func (c *container) launch() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping {
		return errors.New("stopped")
	}
	p, err := child.Start(child.Spec{
		Name: c.service.Name, Path: finder, Args: c.args, Env: c.env, Dir: c.dir, Attr: c.attr(true), LogFile: c.log(),
		StopSignal: c.stops, Grace: seconds(c.service.StopGracePeriod, defaultGrace),
	})
	if err != nil {
		return err
	}
	c.process, c.starts = p, c.starts+1
	return nil
}

func seconds(d *types.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return time.Duration(*d)
}

// start starts the container, and again whenever its restart policy says so.
func (c *container) start() error {
	if err := c.launch(); err != nil {
		return err
	}
	go c.supervise()
	if h := c.service.HealthCheck; h != nil && !h.Disable {
		go c.watch(h)
	}
	return nil
}

func (c *container) supervise() {
	defer close(c.ended)
	for {
		status, _ := c.process.Wait() // its output goes to a file
		if !c.again(status) {
			return
		}
		time.Sleep(restartPause)
		if c.launch() != nil {
			return
		}
	}
}

// again is the restart policy, for a process that has ended.
func (c *container) again(status int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
	policy, limit, _ := strings.Cut(c.service.Restart, ":")
	switch {
	case c.stopping:
		return false
	case policy == types.RestartPolicyUnlessStopped:
		return true
	case policy == types.RestartPolicyOnFailure:
		most, err := strconv.Atoi(limit)
		return status != 0 && err == nil && c.starts <= most
	}
	return false
}

// watch makes the health check as Docker does, until it has succeeded once.
func (c *container) watch(h *types.HealthCheckConfig) {
	begun := time.Now()
	retries := uint64(defaultRetries)
	if h.Retries != nil {
		retries = *h.Retries
	}
	for failures := uint64(0); ; {
		select {
		case <-c.ended:
			return
		case <-time.After(seconds(h.Interval, defaultInterval)):
		}
		err := c.probe(h)
		if err == nil {
			close(c.healthy)
			return
		}
		if time.Since(begun) < seconds(h.StartPeriod, 0) {
			continue
		}
		if failures++; failures == retries {
			c.failure = err
			close(c.unfit)
			return
		}
	}
}

// probe makes the health check once.
func (c *container) probe(h *types.HealthCheckConfig) error {
	ctx, cancel := context.WithTimeout(context.Background(), seconds(h.Timeout, defaultTimeout))
	defer cancel()
	out, err := c.execute(ctx, arguments(h)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", h.Test, err, out)
	}
	return nil
}

func arguments(h *types.HealthCheckConfig) []string {
	if h.Test[0] == "CMD-SHELL" {
		return append([]string{"/bin/sh", "-c"}, h.Test[1:]...)
	}
	return h.Test[1:]
}

// execute is a command beside the container's own.
func (c *container) execute(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, finder, args...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = c.env, c.dir, c.attr(false)
	return cmd
}

// await waits until the container is what another depends on.
func (c *container) await(ctx context.Context, condition string) error {
	switch condition {
	case types.ServiceConditionHealthy:
		select {
		case <-c.healthy:
			return nil
		case <-c.unfit:
			return fmt.Errorf("%s is unhealthy: %w\n%s", c.service.Name, c.failure, c.said())
		case <-c.ended:
			return fmt.Errorf("%s has ended: %s", c.service.Name, c.said())
		case <-ctx.Done():
			return fmt.Errorf("wait for the health of %s: %w\n%s", c.service.Name, context.Cause(ctx), c.said())
		}
	case types.ServiceConditionCompletedSuccessfully:
		select {
		case <-c.ended:
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of %s: %w\n%s", c.service.Name, context.Cause(ctx), c.said())
		}
		if c.status != 0 {
			return fmt.Errorf("%s failed: %s", c.service.Name, c.said())
		}
		return nil
	}
	return errors.New("a condition that nobody has: " + condition)
}

// said is how the container ended, and the last lines of its output.
func (c *container) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out, _ := exec.Command("tail", "-n", "30", c.log()).CombinedOutput()
	return fmt.Sprintf("exit code %d, started %d times\n%s", c.status, c.starts, out)
}

// stopped is what docker stop made of a container.
type stopped struct {
	byItself bool // within its stop_grace_period
	status   int
	took     time.Duration
	starts   int // with those by the restart policy
}

// stop is docker stop.
func (c *container) stop() stopped {
	begun := time.Now()
	c.mu.Lock()
	c.stopping = true
	p := c.process
	c.mu.Unlock()
	byItself := p.Stop(context.Background())
	<-c.ended
	return stopped{byItself: byItself, status: c.status, took: time.Since(begun), starts: c.started()}
}

func (c *container) started() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.starts
}

func (c *container) running() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}
