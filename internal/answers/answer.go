package answers

import (
	"context"
	"math"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Answer is what was asked for. One that is not Good is for the one who has asked, and
// not kept.
type Answer struct {
	Value []byte
	Good  bool
}

// flight is a question to the database that others wait for as well.
type flight struct {
	done   chan struct{}
	answer Answer
	// snapshot is that of the answer.
	snapshot uint64
}

// putTimeout bounds how long is tried to keep an answer, after it was given.
const putTimeout = time.Second

// Answer answers a question: with an answer that is kept, with that of somebody who
// asks the same at the moment, or by ask. fresh wants none that is kept.
func (c *Cache) Answer(ctx context.Context, q Question, fresh bool, ask func() Answer) Answer {
	c.mu.Lock()
	database, usable, floor := c.database, c.listening, c.floors.of(q.About)
	c.mu.Unlock()
	if !usable {
		c.asked.WithLabelValues("off").Inc()
		return ask()
	}
	if database != "" && !fresh {
		e, found := c.config.Store.Get(ctx, database, q)
		if found && e.Snapshot > max(floor, e.Floor) && c.stillTrue(database, q, e.Snapshot) {
			c.asked.WithLabelValues("hit").Inc()
			return Answer{Value: e.Value, Good: true}
		}
	}
	if fresh {
		floor = math.MaxUint64 // what has begun already is not fresh
	}
	for {
		one, first := c.board(q)
		if first {
			c.asked.WithLabelValues("miss").Inc()
			return c.fly(ctx, q, one, ask)
		}
		select {
		case <-one.done:
		case <-ctx.Done():
			return ask() // which says so
		}
		// One that began before this question may not show what its asker knows of.
		if one.answer.Good && one.snapshot > floor {
			c.asked.WithLabelValues("joined").Inc()
			return one.answer
		}
		if !one.answer.Good {
			return ask()
		}
		floor = 0 // the next one begins after this question
	}
}

// stillTrue looks again after the entry was read: its subject may have changed, or the
// database been replaced meanwhile.
func (c *Cache) stillTrue(database string, q Question, snapshot uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listening && c.database == database && snapshot > c.floors.of(q.About)
}

// board finds the question that is under way, or begins one.
func (c *Cache) board(q Question) (one *flight, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one = c.flights[q]; one != nil {
		return one, false
	}
	one = &flight{done: make(chan struct{})}
	c.flights[q] = one
	return one, true
}

// fly asks the database, for all who wait, and keeps the answer.
func (c *Cache) fly(ctx context.Context, q Question, one *flight, ask func() Answer) Answer {
	began := time.Now()
	defer func() {
		c.mu.Lock()
		delete(c.flights, q)
		c.mu.Unlock()
		close(one.done)
	}()
	p, err := c.standing(ctx, q.About)
	if err != nil {
		return ask() // which says so
	}
	one.answer, one.snapshot = ask(), p.Snapshot
	if !one.answer.Good {
		return one.answer
	}
	c.raise(p.Changed, q.About)
	if keep := c.config.MaxAge - time.Since(began); keep > 0 && c.stillTrue(p.Database, q, p.Snapshot) {
		c.putting.Go(func() { c.put(context.WithoutCancel(ctx), p, q, one.answer.Value, keep) })
	}
	return one.answer
}

func (c *Cache) put(ctx context.Context, p tenant.Standing, q Question, value []byte, keep time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	c.config.Store.Put(ctx, p.Database, q, Entry{Snapshot: p.Snapshot, Value: value, Floor: p.Changed}, keep)
}
