package feed

import (
	"context"
	"errors"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Join starts following the events that a filter picks. The caller must call Leave.
//
// Errors: tenant.ErrEventGone when the event to begin after is not there,
// tenant.ErrUnavailable, and that of ctx.
func (f *Feed) Join(ctx context.Context, filter tenant.EventFilter, start tenant.EventStart) (tenant.EventStream, error) {
	last := tenant.EventPosition{}
	if start.After != 0 {
		var err error
		if last, err = f.store.Locate(ctx, start.After); err != nil {
			return nil, err
		}
	}
	one := f.join(filter)
	if err := one.admitted(ctx); err != nil {
		one.Leave()
		return nil, err
	}
	if one.last = last; start.Now {
		one.last = one.start
	}
	return one, nil
}

// admitted waits until a follower is sure to get what comes.
func (one *follower) admitted(ctx context.Context) error {
	select {
	case <-one.joined:
		return one.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Begins is the event after which the following begins.
func (one *follower) Begins() tenant.EventID { return one.last.ID }

// Leave ends the following.
func (one *follower) Leave() { one.feed.leave(one) }

// Follow delivers events until ctx ends or deliver returns an error, which it returns.
//
// Other errors: tenant.ErrEventsInterrupted, tenant.ErrUnavailable, and that of ctx.
func (one *follower) Follow(ctx context.Context, heartbeat time.Duration, deliver func([]*tenant.ChangeEvent) error) error {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	if err := one.catchUp(ctx, deliver); err != nil {
		return err
	}
	for {
		behind, err := one.pass(deliver)
		if err == nil && behind {
			err = one.again(ctx, deliver)
		}
		if err != nil {
			return err
		}
		select {
		case <-one.news:
		case <-beat.C:
			if err := deliver(nil); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pass delivers what has come.
func (one *follower) pass(deliver func([]*tenant.ChangeEvent) error) (behind bool, err error) {
	events, behind, sentAway := one.feed.take(one)
	for len(events) > 0 && !one.last.Before(events[0].Position) {
		events = events[1:] // another process, ahead of this one, has delivered it
	}
	if len(events) > 0 {
		if err := deliver(events); err != nil {
			return false, err
		}
		one.last = events[len(events)-1].Position
	}
	if sentAway {
		return false, tenant.ErrEventsInterrupted
	}
	return behind, nil
}

// again joins once more after the queue has overflowed, and catches up.
func (one *follower) again(ctx context.Context, deliver func([]*tenant.ChangeEvent) error) error {
	one.feed.rejoin(one)
	if err := one.admitted(ctx); err != nil {
		return err
	}
	return one.catchUp(ctx, deliver)
}

// catchUp delivers what is between the last event that the follower has and the first
// that it is sure to get.
func (one *follower) catchUp(ctx context.Context, deliver func([]*tenant.ChangeEvent) error) error {
	for one.last.Before(one.start) {
		upTo := one.start
		batch, err := one.feed.store.Read(ctx, tenant.EventQuery{EventFilter: one.filter, After: one.last, UpTo: &upTo, Limit: maxRead})
		if err != nil {
			return err
		}
		if len(batch.Events) > 0 {
			if err := deliver(batch.Events); err != nil {
				return err
			}
		}
		one.last = one.start
		if len(batch.Events) == maxRead {
			one.last = batch.Events[maxRead-1].Position
		}
	}
	return nil
}

// Page reads some events after one that is known; zero reads the first.
//
// Errors: tenant.ErrEventGone, tenant.ErrUnavailable.
func (f *Feed) Page(ctx context.Context, filter tenant.EventFilter, after tenant.EventID, limit int) ([]*tenant.ChangeEvent, error) {
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
