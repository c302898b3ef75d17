package feed

import (
	"context"
	"errors"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Follow delivers events until ctx ends, or Ready or Deliver returns an error, which
// it returns.
//
// Other errors: tenant.ErrEventGone when the event to begin after is not there,
// tenant.ErrEventsInterrupted, tenant.ErrUnavailable, and that of ctx.
func (f *Feed) Follow(ctx context.Context, w tenant.Following) error {
	last := tenant.EventPosition{}
	if w.After != 0 {
		var err error
		if last, err = f.store.Locate(ctx, w.After); err != nil {
			return err
		}
	}
	for {
		one := f.join(w.EventFilter)
		behind, err := f.accompany(ctx, one, w, &last)
		f.leave(one)
		if err != nil || !behind {
			return err
		}
		w.Now, w.Ready = false, func(tenant.EventID) error { return nil }
	}
}

// accompany catches up and then delivers what comes. It reports whether the follower
// was left behind, and must catch up again after last.
func (f *Feed) accompany(ctx context.Context, one *follower, w tenant.Following, last *tenant.EventPosition) (behind bool, err error) {
	select {
	case <-one.joined:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if one.err != nil {
		return false, one.err
	}
	if w.Now {
		*last = one.start
	}
	if err := w.Ready(last.ID); err != nil {
		return false, err
	}
	if err := f.catchUp(ctx, one, last, w.Deliver); err != nil {
		return false, err
	}
	beat := time.NewTicker(w.Heartbeat)
	defer beat.Stop()
	for {
		behind, err := f.pass(one, last, w.Deliver)
		if behind || err != nil {
			return behind, err
		}
		select {
		case <-one.news:
		case <-beat.C:
			if err := w.Deliver(nil); err != nil {
				return false, err
			}
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// pass delivers what has come.
func (f *Feed) pass(one *follower, last *tenant.EventPosition, deliver func([]tenant.ChangeEvent) error) (behind bool, err error) {
	events, behind, sentAway := f.take(one)
	for len(events) > 0 && !last.Before(events[0].Position) {
		events = events[1:] // another process, ahead of this one, has delivered it
	}
	if len(events) > 0 {
		if err := deliver(events); err != nil {
			return false, err
		}
		*last = events[len(events)-1].Position
	}
	if sentAway {
		return false, tenant.ErrEventsInterrupted
	}
	return behind, nil
}

// catchUp delivers what is between the last event that the follower has and the first
// that it is sure to get.
func (f *Feed) catchUp(ctx context.Context, one *follower, last *tenant.EventPosition, deliver func([]tenant.ChangeEvent) error) error {
	for last.Before(one.start) {
		batch, err := f.store.Read(ctx, tenant.EventQuery{EventFilter: one.filter, After: *last, UpTo: &one.start, Limit: maxRead})
		if err != nil {
			return err
		}
		if len(batch.Events) > 0 {
			if err := deliver(batch.Events); err != nil {
				return err
			}
		}
		*last = one.start
		if len(batch.Events) == maxRead {
			*last = batch.Events[maxRead-1].Position
		}
	}
	return nil
}

// Page reads some events after one that is known; zero reads the first.
//
// Errors: tenant.ErrEventGone, tenant.ErrUnavailable.
func (f *Feed) Page(ctx context.Context, filter tenant.EventFilter, after tenant.EventID, limit int) ([]tenant.ChangeEvent, error) {
	q := tenant.EventQuery{EventFilter: filter, Limit: limit}
	if after != 0 {
		var err error
		if q.After, err = f.store.Locate(ctx, after); err != nil {
			return nil, err
		}
	}
	batch, err := f.store.Read(ctx, q)
	return batch.Events, err
}

func isGone(err error) bool { return errors.Is(err, tenant.ErrEventGone) }
