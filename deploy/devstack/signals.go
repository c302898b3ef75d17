package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tenant-provisioning/deploy/devstack/internal/supervisor"
)

// awaitSignals returns two contexts: the first signal ends orderly, with
// [supervisor.Signalled] as its cause, the second ends hard.
func awaitSignals() (orderly, hard context.Context) {
	orderly, stop := context.WithCancelCause(context.Background())
	hard, kill := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		sig, ok := (<-signals).(syscall.Signal)
		if !ok {
			sig = syscall.SIGTERM
		}
		fmt.Fprintf(os.Stderr, "devstack: %s: stopping (once more: at once)\n", sig)
		stop(supervisor.Signalled{Signal: sig})
		<-signals
		fmt.Fprintln(os.Stderr, "devstack: stopping at once")
		kill()
		// A third signal has its usual effect; the kernel then ends the children.
		signal.Reset()
	}()
	return orderly, hard
}
