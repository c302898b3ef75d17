package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tenant-provisioning/internal/feed"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// errSettled ends a following: nothing more happens by itself.
var errSettled = errors.New("the operation has ended or waits for a person")

// followEvents writes a line for each event of an operation, from its first on, until it
// has ended or waits for a person.
func (a *app) followEvents(ctx context.Context, p *controlPlane, id tenant.OperationID) error {
	ctx, stop := context.WithCancel(ctx)
	events := feed.New(postgres.NewEvents(p.pool), p.logger)
	var background sync.WaitGroup
	defer background.Wait()
	defer stop()
	background.Go(func() { events.Run(ctx) })
	background.Go(func() {
		postgres.ListenToEvents(ctx, p.pool, p.logger,
			func(heard tenant.Announcement) { events.Announce(heard.Transaction) },
			func(now bool) {
				if now {
					events.Announce(0)
				}
			})
	})
	var last tenant.EventID
	for {
		stream, err := events.Join(ctx, tenant.EventFilter{Operation: id}, tenant.EventStart{After: last})
		if err == nil {
			err = stream.Follow(ctx, time.Minute, func(batch []*tenant.ChangeEvent) error { return a.tell(batch, &last) })
			stream.Leave()
		}
		switch {
		case errors.Is(err, errSettled):
			return nil
		case errors.Is(err, tenant.ErrEventsInterrupted):
			continue
		case errors.Is(err, tenant.ErrEventGone):
			a.say("the database was restored: following from its first event again")
			last = 0
			continue
		}
		return fmt.Errorf("follow operation %s: %w", id, err)
	}
}

// tell writes lines, and ends the following with the state after which nothing
// happens by itself: what follows that in its transaction is told too.
func (a *app) tell(batch []*tenant.ChangeEvent, last *tenant.EventID) error {
	settled := false
	for _, e := range batch {
		fmt.Fprintln(a.err, output.EventLine(e))
		*last = e.ID
		if e.State != "" {
			settled = e.State.Settled()
		}
	}
	if settled {
		return errSettled
	}
	return nil
}
