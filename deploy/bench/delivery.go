package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// lookEvery is how often is looked whether what is waited for has come.
const lookEvery = 20 * time.Millisecond

// deliver changes tenants, waits until all listeners have heard of it, and looks at
// what they have heard.
func (s *Streams) deliver(ctx context.Context, c *caller, listeners []listener, all []known, after string) error {
	send, stop := c.sender()
	defer stop()
	for i := range toStreams {
		change := asking{http.MethodPatch, "/v1/tenants/" + all[i%len(all)].Tenant, fmt.Sprintf(`{"adminFirstName":"Ada of stream %d"}`, i)}
		if err := send(ctx, change); err != nil {
			return fmt.Errorf("change a tenant: %w", err)
		}
	}
	changed := time.Now()
	rows, err := c.pool.Query(ctx, `SELECT id::text FROM events
		WHERE (transaction, id) > (SELECT transaction, id FROM events WHERE id = $1::text::bigint) ORDER BY transaction, id`, after)
	if err != nil {
		return fmt.Errorf("read what there was to tell: %w", err)
	}
	events, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read what there was to tell: %w", err)
	}
	if s.Events = len(events); s.Events < toStreams {
		return fmt.Errorf("%d changes have left %d events", toStreams, s.Events)
	}
	late := wait(ctx, delivery, func() bool {
		for i := range listeners {
			if ids, err := listeners[i].got(); len(ids) < len(events) && err == nil {
				return false
			}
		}
		return true
	})
	s.Late = round(float64(time.Since(changed)) / float64(time.Millisecond))
	var failed error
	for i := range listeners {
		ids, err := listeners[i].got()
		if err == nil && slices.Equal(ids, events) {
			s.Complete++
		}
		failed = errors.Join(failed, err)
	}
	if s.Complete < len(listeners) && late == nil && failed == nil {
		failed = errors.New("others came, or in another order")
	}
	if s.Complete < len(listeners) {
		return fmt.Errorf("%d of %d streams have got every event: %w", s.Complete, len(listeners), errors.Join(late, failed))
	}
	return nil
}

// wait waits until something is so or, where that is nil, for so long.
func wait(ctx context.Context, limit time.Duration, until func() bool) error {
	over := time.NewTimer(limit)
	defer over.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for until == nil || !until() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over.C:
			if until == nil {
				return nil
			}
			return fmt.Errorf("it has not come within %s", limit)
		case <-look.C:
		}
	}
	return nil
}
