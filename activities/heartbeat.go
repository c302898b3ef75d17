package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// heartbeatInterval is how often an attempt tells Temporal that it is alive, far below the
// shortest of the heartbeat timeouts (30 s).
const heartbeatInterval = 5 * time.Second

// alive tells Temporal that an attempt is alive, however long one call of it takes: one
// tenant may have hundreds of gigabytes, and a statement an hour. stop ends it, and
// returns when nothing is told any more.
func alive(ctx context.Context) (_ context.Context, stop func()) {
	doing, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for rest(doing, heartbeatInterval) == nil {
			activity.RecordHeartbeat(ctx)
		}
	}()
	return doing, func() { cancel(); <-ended }
}

// rest pauses, unless ctx ends.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
