package service

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/config"
)

// DrainSignal tells a process behind load balancers that its end is near: it
// says at /readyz that it takes no new requests, and answers them all the same.
const DrainSignal = syscall.SIGUSR1

const (
	// heardAfter is how long load balancers have after /readyz has begun to fail:
	// Kubernetes takes some seconds to tell every node that a pod is going.
	heardAfter = 5 * time.Second
	// maxHeardAfter is far beyond what any of them takes.
	maxHeardAfter = 10 * time.Minute
	// drainTimeout is how long the process may take to act on the signal.
	drainTimeout = 10 * time.Second
	// drainGlance is the pause between two looks at that.
	drainGlance = 50 * time.Millisecond
)

// Drain is the command that an orchestrator runs before it stops the container
// (preStop), where there is no shell to sleep in. where says the address at
// which the process listens.
func Drain(where func(config.Options) (string, error)) *cobra.Command {
	d := drain{pid: 1, heard: heardAfter, within: drainTimeout}
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Before a stop: have /readyz fail, and wait until load balancers have heard of it",
		Long: `Tell the process in this container that it will be stopped, and wait until load
balancers have heard of it. From then on /readyz fails, while requests are still
answered; nothing takes that back. SIGTERM then ends the process without further
delay. It is for the preStop hook of Kubernetes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.validate(); err != nil {
				return err
			}
			addr, err := where(config.Options{})
			if err != nil {
				return err
			}
			if err := d.run(cmd.Context(), addr); err != nil {
				return fmt.Errorf("drain: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&d.pid, "pid", d.pid, "the process; in a container of its own it is 1")
	cmd.Flags().DurationVar(&d.heard, "for", d.heard, "how long load balancers take to hear of it")
	return cmd
}

type drain struct {
	pid int
	// heard is how long load balancers take, within how long the process may.
	heard, within time.Duration
}

func (d drain) validate() error {
	if d.pid < 1 || d.pid == os.Getpid() {
		return fmt.Errorf("--pid must be the number of the process that is to be stopped, and is %d", d.pid)
	}
	if d.heard < 0 || d.heard > maxHeardAfter {
		return fmt.Errorf("--for must be 0s to %s, and is %s", maxHeardAfter, d.heard)
	}
	return nil
}

// run looks before it signals anybody: a process of another program would die of
// the signal.
func (d drain) run(ctx context.Context, addr string) error {
	if _, err := Ask(ctx, addr, "/livez"); err != nil {
		return err
	}
	if err := syscall.Kill(d.pid, DrainSignal); err != nil {
		return fmt.Errorf("tell process %d: %w (--pid says which process it is)", d.pid, err)
	}
	began := time.Now()
	if err := d.awaitUnready(ctx, addr); err != nil {
		return err
	}
	return wait(ctx, d.heard-time.Since(began))
}

// awaitUnready waits until the process says that it takes no new requests.
func (d drain) awaitUnready(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, d.within)
	defer cancel()
	for {
		answer, err := Ask(ctx, addr, "/readyz")
		if err == nil && answer.Status == http.StatusServiceUnavailable {
			return nil
		}
		if wait(ctx, drainGlance) != nil {
			return fmt.Errorf("/readyz at %s has not begun to fail in %s: is process %d the one that listens there? --pid says which it is", addr, d.within, d.pid)
		}
	}
}

func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
