package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.temporal.io/api/serviceerror"

	"tenant-provisioning/internal/tenant"
)

// story is one tenant, from its creation to its end.
type story struct {
	fate       fate
	name       string
	email      string // the administrator's, as chaos has last set it
	tenant     string
	operations []string // one for each generation
	asked      []asked
	decided    bool // the fate's decision was made, or refused for good
	// stopped tells that Temporal took the cancel or the termination.
	stopped bool
	// wrong is why the story has no end: an answer that must not be, or none.
	wrong error
}

// asked is an action that was requested, twice under the same id.
type asked struct {
	operation string
	action    tenant.Action
	id        string
	answers   [2]int // HTTP statuses
	// late tells that the api took it while the run did not answer, and that the
	// run has refused it later.
	late bool
}

// How an action may be answered, twice.
var (
	taken   = [2]int{http.StatusAccepted, http.StatusAccepted}
	refused = [2]int{http.StatusConflict, http.StatusConflict}
	// takenThenRefused is one that the run has refused in between.
	takenThenRefused = [2]int{http.StatusAccepted, http.StatusConflict}
)

// reconsider is how long a person waits until something comes of a decision that
// was taken.
const reconsider = 30 * time.Second

// live does to a tenant what its fate is, and then what a person does, until
// its last operation has ended.
func (c *chaos) live(ctx context.Context, s *story) error {
	if err := c.befall(ctx, s); err != nil {
		return fmt.Errorf("%s, %s: %w", s.name, s.fate.event, err)
	}
	var decided, at time.Time
	for {
		o, err := c.follow(ctx, s.operation())
		switch {
		case err != nil:
			return fmt.Errorf("%s, %s: %w", s.name, s.fate.event, err)
		case o.State == tenant.StateRolledBack && s.fate.anew && len(s.operations) == 1:
			err = c.provisionAnew(ctx, s)
		case o.State.Closed():
			return nil
		case o.State != tenant.StateNeedsAttention && o.State != tenant.StateRollbackBlocked:
		case o.UpdatedAt.Equal(decided) && time.Since(at) < reconsider:
			err = sleep(ctx, poll) // what was decided is being done
		default:
			var accepted bool
			if accepted, err = c.decide(ctx, s, o); accepted {
				decided, at = o.UpdatedAt, time.Now()
			} else if err == nil {
				err = sleep(ctx, poll)
			}
		}
		if err != nil {
			return fmt.Errorf("%s, %s: %w", s.name, s.fate.event, err)
		}
	}
}

func (s *story) operation() string { return s.operations[len(s.operations)-1] }

// befall does what is done to a tenant whatever becomes of it.
func (c *chaos) befall(ctx context.Context, s *story) error {
	if err := sleep(ctx, s.fate.wait); err != nil {
		return err
	}
	switch s.fate.event {
	case rollback:
		_, err := c.ask(ctx, s, tenant.ActionRollback)
		return err
	case cancelled:
		return c.stop(ctx, s, func(ctx context.Context, run string) error { return c.temporal.CancelWorkflow(ctx, run, "") })
	case terminated:
		return c.stop(ctx, s, func(ctx context.Context, run string) error {
			return c.temporal.TerminateWorkflow(ctx, run, "", "chaos")
		})
	case leftAlone, mailRefused, ledgerAway: // it happens by itself
	}
	return nil
}

// stop stops a tenant's run past the product, unless it has ended before
// Temporal answers.
func (c *chaos) stop(ctx context.Context, s *story, how func(ctx context.Context, run string) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := how(ctx, tenant.KindProvision.WorkflowID(tenant.ID(s.tenant)))
		if _, already := errors.AsType[*serviceerror.CancellationAlreadyRequested](err); err == nil || already {
			s.stopped = true
			return nil
		}
		if _, none := errors.AsType[*serviceerror.NotFound](err); none { // not yet begun, or over
			var o operation
			if err := c.expect(ctx, request{method: http.MethodGet, path: "/v1/operations/" + s.operation()}, http.StatusOK, &o); err != nil || o.State.Closed() {
				return err
			}
		}
		if over := sleep(ctx, poll); over != nil {
			return fmt.Errorf("no answer from Temporal within %s: %w", patience, err)
		}
	}
}
