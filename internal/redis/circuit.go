package redis

import (
	"sync"
	"time"
)

// circuit remembers that Redis did not answer, so that not every request pays
// the timeout. After the cooldown one request at a time tries again.
type circuit struct {
	cooldown time.Duration
	now      func() time.Time

	mu      sync.Mutex
	open    bool
	retryAt time.Time
	trying  bool
}

// change is what a report did to the circuit.
type change int

const (
	unchanged change = iota
	opened
	closedAgain
)

// closed says whether to ask. Who is told so must report or abandon.
func (c *circuit) closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open {
		return true
	}
	if c.trying || c.now().Before(c.retryAt) {
		return false
	}
	c.trying = true
	return true
}

// report takes the outcome of a question.
func (c *circuit) report(err error) change {
	c.mu.Lock()
	defer c.mu.Unlock()
	wasOpen := c.open
	c.trying = false
	if err != nil {
		c.open = true
		c.retryAt = c.now().Add(c.cooldown)
		if !wasOpen {
			return opened
		}
		return unchanged
	}
	c.open = false
	if wasOpen {
		return closedAgain
	}
	return unchanged
}

// abandon lets the next request try: this one ended before it knew.
func (c *circuit) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trying = false
}
