package doctor

import (
	"fmt"
	"time"
)

const (
	// skewSeen is what clocks that are kept in step never differ by.
	skewSeen = 2 * time.Second
	// skewHurts is the margin that a lease of a ledger account has for clocks that
	// differ; identity providers and the api bear 30 s.
	skewHurts = 10 * time.Second
)

// Clock is what another machine's clock showed.
type Clock struct {
	// Ahead is by how much it is ahead of this machine's; negative: behind.
	Ahead time.Duration
	// Give is how far off that may be: half of the time that the question took, and
	// what the answer was rounded to.
	Give time.Duration
}

// ClockAt compares a time that was told between two moments of our own clock, and
// was cut to a unit.
func ClockAt(told, asked, answered time.Time, unit time.Duration) Clock {
	half := answered.Sub(asked) / 2
	return Clock{Ahead: told.Add(unit / 2).Sub(asked.Add(half)), Give: half + unit/2}
}

// judge tells whether two clocks agree, as far as that can be known.
func (c Clock) judge(whose string) Verdict {
	off := max(c.Ahead.Abs()-c.Give, 0)
	way := "ahead of"
	if c.Ahead < 0 {
		way = "behind"
	}
	says := fmt.Sprintf("%s is %s %s this machine's", whose, c.Ahead.Abs().Round(time.Millisecond), way)
	const mend = "have both machines keep time by NTP (timedatectl, chronyc tracking)"
	switch {
	case off > skewHurts:
		return fail(says+": tokens, leases and the times until which transactions hold are judged wrongly", mend)
	case off > skewSeen:
		return warn(says, mend)
	}
	return fine("%s and this machine's agree within %s", whose, (c.Ahead.Abs() + c.Give).Round(time.Millisecond))
}
