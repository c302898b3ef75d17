package statuspage

import (
	"cmp"
	"slices"
	"time"
)

// kept is how many days of history are shown, today among them.
const kept = 90

// Day is the worst of a component's day, in UTC.
type Day struct {
	Date string `json:"day"`
	// State is the worst; empty for a day of which nothing is known.
	State State `json:"state,omitempty"`
	// Minutes is for how long of it the component was degraded or away.
	Minutes int `json:"minutes"`
}

// days lays a component's changes out over the days until now, and tells which part of
// the time that is known it was neither degraded nor away; 1 when nothing is known.
func days(changes []Change, now time.Time) (_ []Day, uptime float64) {
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.Since.UnixNano(), b.Since.UnixNano()) })
	today := now.UTC().Truncate(24 * time.Hour)
	all := make([]Day, kept)
	var known, good time.Duration
	for n := range all {
		begin := today.AddDate(0, 0, n-kept+1)
		d := Day{Date: begin.Format(time.DateOnly)}
		var bad time.Duration
		for i, c := range changes {
			end := now
			if i+1 < len(changes) {
				end = changes[i+1].Since
			}
			part := within(c.Since, end, begin)
			if part <= 0 {
				continue
			}
			known += part
			if c.State == Degraded || c.State == Outage {
				bad += part
			} else {
				good += part
			}
			d.State = worst(cmp.Or(d.State, Operational), c.State)
		}
		d.Minutes = int(bad.Round(time.Minute) / time.Minute)
		all[n] = d
	}
	if known == 0 {
		return all, 1
	}
	return all, float64(good) / float64(known)
}

// within is how much of a time lies in the day that begins then; nothing or less where
// none does.
func within(from, to, day time.Time) time.Duration {
	if from.Before(day) {
		from = day
	}
	if end := day.AddDate(0, 0, 1); to.After(end) {
		to = end
	}
	return to.Sub(from)
}
