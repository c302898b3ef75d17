package client

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

const (
	// longPoll is how long one question waits: less than most proxies allow.
	longPoll = 30 * time.Second
	// askAgain is how often an operation that waits for a person is asked for,
	// since its answer comes at once.
	askAgain = time.Minute
)

// Wait follows an operation until it has ended or waits for a person, whatever
// fails in between; Operation.Err tells which. It asks by long poll, so it
// knows at once.
func (c *Client) Wait(ctx context.Context, operationID string) (Operation, error) {
	return c.WaitFor(ctx, operationID, func(o Operation) bool { return o.State.Ended() || o.State.NeedsPerson() })
}

// WaitFor follows an operation until it is as wanted, or has ended. An operation
// that waits for a person is looked at once a minute.
func (c *Client) WaitFor(ctx context.Context, operationID string, wanted func(Operation) bool) (Operation, error) {
	for {
		asked := c.now()
		o, err := c.GetOperation(ctx, operationID, GetOperationParams{Wait: longPoll.String()})
		if err != nil {
			return o, fmt.Errorf("follow operation %s: %w", operationID, err)
		}
		if wanted(o) || o.State.Ended() {
			return o, nil
		}
		pause := o.RetryAfter
		if o.State.NeedsPerson() {
			pause = max(pause, askAgain)
		}
		if err := c.sleep(ctx, max(0, pause-c.now().Sub(asked))); err != nil {
			return o, fmt.Errorf("follow operation %s, which is %s: %w", operationID, o.State, err)
		}
	}
}

// waiting is how long the API waits when it is asked to in these words.
func waiting(wait string) time.Duration {
	if seconds, err := strconv.ParseUint(wait, 10, 16); err == nil {
		return time.Duration(seconds) * time.Second
	}
	d, err := time.ParseDuration(wait)
	if err != nil {
		return 0 // the API refuses it
	}
	return max(0, d)
}

// Ended reports whether nothing more happens to the operation.
func (s State) Ended() bool { return s == StateSucceeded || s == StateRolledBack }

// NeedsPerson reports whether somebody must decide how the operation goes on.
func (s State) NeedsPerson() bool { return s == StateNeedsAttention || s == StateRollbackBlocked }

// Err is nil when the operation has succeeded, and else tells where it is and why.
func (o Operation) Err() error {
	switch {
	case o.State == StateSucceeded:
		return nil
	case o.FailedStep == "":
		return fmt.Errorf("%s: operation %s is %s", o.Kind, o.ID, o.State)
	}
	return fmt.Errorf("%s: operation %s is %s at %s: %s", o.Kind, o.ID, o.State, o.FailedStep, o.FailureReason)
}
