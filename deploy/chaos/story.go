package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.temporal.io/api/serviceerror"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/tenant"
)

// story is one tenant, from its creation to the end of its life.
type story struct {
	life   life
	name   string
	email  string // the administrator's, as chaos has last set it
	tenant string
	deeds  []*deed
	// wrong is why the story has no end: an answer that must not be, or none.
	wrong error
}

// deed is an operation that chaos has asked for, and what was done about it.
type deed struct {
	fate  fate
	id    string
	kind  tenant.Kind
	asked []asked
	// decided tells that the fate's decision was made, or refused for good.
	decided bool
	// stopped tells that Temporal took the cancel or the termination.
	stopped bool
	// left tells that it was left to the next operation to end it.
	left bool
}

// asked is an action that was requested, twice under the same id.
type asked struct {
	action  tenant.Action
	id      string
	answers [2]int // HTTP statuses
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

// live takes a tenant that was accepted through its life.
func (c *chaos) live(ctx context.Context, s *story) error {
	for {
		d := s.deeds[len(s.deeds)-1]
		ended, err := c.goThrough(ctx, s, d)
		if err == nil {
			if len(s.deeds) == len(s.life.fates) || s.life.ends && ended == tenant.StateRolledBack {
				return nil
			}
			var more bool
			if more, err = c.next(ctx, s); err == nil && !more {
				return nil
			}
		}
		if err != nil {
			return fmt.Errorf("%s, %s, %s: %w", s.name, d.kind, d.fate.event, err)
		}
	}
}

// goThrough does to an operation what its fate is, and then what a person does,
// until it has ended or is left to the next one.
func (c *chaos) goThrough(ctx context.Context, s *story, d *deed) (tenant.State, error) {
	if err := c.befall(ctx, s, d); err != nil {
		return "", err
	}
	last := len(s.deeds) == len(s.life.fates)
	var decided, at time.Time
	for {
		o, err := c.operation(ctx, d.id, "5s")
		switch {
		case err != nil:
			return "", err
		case o.State.Ended():
			return tenant.State(o.State), nil
		case !o.State.NeedsPerson():
		case d.fate.decision == leaveIt && !last && givesWay(o):
			d.left = true
			return tenant.State(o.State), nil
		case o.UpdatedAt.Equal(decided) && time.Since(at) < reconsider:
			err = sleep(ctx, poll) // what was decided is being done
		default:
			var accepted bool
			if accepted, err = c.decide(ctx, s, d, o); accepted {
				decided, at = o.UpdatedAt, time.Now()
			} else if err == nil {
				err = sleep(ctx, poll)
			}
		}
		if err != nil {
			return "", err
		}
	}
}

// next asks for the next operation, of a kind that the table has for the tenant's
// status by now; false where it has none.
func (c *chaos) next(ctx context.Context, s *story) (bool, error) {
	t, err := insist(ctx, func(ctx context.Context) (client.Tenant, error) { return c.client.GetTenant(ctx, s.tenant) })
	if err != nil {
		return false, err
	}
	f := s.life.fates[len(s.deeds)]
	kind, can := f.kind(tenant.Status(t.Status), s.deeds[len(s.deeds)-1])
	if !can {
		return false, nil
	}
	return true, c.submit(ctx, s, f, kind)
}

// befall does what is done to an operation whatever becomes of it.
func (c *chaos) befall(ctx context.Context, s *story, d *deed) error {
	if d.fate.event == ledgerAway {
		err := sleep(ctx, absence)
		return errors.Join(err, c.back(context.WithoutCancel(ctx), "stellar"))
	}
	if err := sleep(ctx, d.fate.wait); err != nil {
		return err
	}
	switch d.fate.event {
	case rollback:
		_, err := c.ask(ctx, d, tenant.ActionRollback)
		return err
	case cancelled:
		return c.stop(ctx, s, d, func(ctx context.Context, run string) error { return c.temporal.CancelWorkflow(ctx, run, "") })
	case terminated:
		return c.stop(ctx, s, d, func(ctx context.Context, run string) error {
			return c.temporal.TerminateWorkflow(ctx, run, "", "chaos")
		})
	case leftAlone, mailRefused, ledgerAway: // it happens by itself
	}
	return nil
}

// stop stops an operation's run past the product, unless it has ended before
// Temporal answers. One that waits in its row has no run yet.
func (c *chaos) stop(ctx context.Context, s *story, d *deed, how func(ctx context.Context, run string) error) error {
	for until := time.Now().Add(patience); ; {
		err := c.once(ctx, s, d, how)
		if _, already := errors.AsType[*serviceerror.CancellationAlreadyRequested](err); err == nil || already {
			d.stopped = true
			return nil
		}
		if _, none := errors.AsType[*serviceerror.NotFound](err); none { // not yet begun, or over
			o, failed := c.operation(ctx, d.id, "")
			if failed != nil || o.State.Ended() {
				return failed
			}
			if o.State == client.StatePending {
				until = time.Now().Add(patience)
			}
		}
		if time.Now().After(until) {
			return fmt.Errorf("no answer from Temporal within %s: %w", patience, err)
		}
		if over := sleep(ctx, poll); over != nil {
			return over
		}
	}
}

// once asks Temporal to stop a run.
func (c *chaos) once(ctx context.Context, s *story, d *deed, how func(ctx context.Context, run string) error) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return how(ctx, d.kind.WorkflowID(tenant.ID(s.tenant)))
}
