package output

import (
	"fmt"
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Capacities are what adding tenants uses up.
type Capacities struct {
	Items []Capacity `json:"items"`
}

// Capacity is one of them: in bytes, connections, locks or stroops.
type Capacity struct {
	Resource tenant.Resource `json:"resource"`
	Used     int64           `json:"used"`
	// Bound and Left are absent where it is not judged.
	Bound *int64 `json:"bound,omitempty"`
	Left  *int64 `json:"left,omitempty"`
	// PerDay is absent while the readings are of less than a day, and DaysLeft where
	// nothing grows as well.
	PerDay   *float64   `json:"perDay,omitempty"`
	DaysLeft *float64   `json:"daysLeft,omitempty"`
	ReadAt   *time.Time `json:"readAt,omitempty"`
	// Stale tells that nobody has read it of late.
	Stale bool `json:"stale"`
	// WaitsSince is since when provisioning waits for it; absent while there is room.
	WaitsSince *time.Time `json:"waitsSince,omitempty"`
	Why        string     `json:"why,omitempty"`
}

// NewCapacities makes the document.
func NewCapacities(all []tenant.Capacity) Capacities {
	d := Capacities{Items: make([]Capacity, len(all))}
	for n, c := range all {
		v := Capacity{
			Resource: c.Resource, Used: c.Used, Bound: c.Bound, PerDay: c.Growth, ReadAt: optional(c.ReadAt), Stale: !c.Known(),
			WaitsSince: optional(c.ShortSince), Why: c.Why,
		}
		if c.Bound != nil {
			left := c.Left()
			v.Left = &left
		}
		if days, known := c.DaysLeft(); known {
			v.DaysLeft = &days
		}
		d.Items[n] = v
	}
	return d
}

// Text is a table, with what provisioning waits for.
func (l Capacities) Text() string {
	rows := make([][]string, len(l.Items))
	var waits strings.Builder
	for n, c := range l.Items {
		rows[n] = []string{string(c.Resource), c.used(), c.amount(c.Bound), c.amount(c.Left), c.perDay(), days(c.DaysLeft), c.read()}
		if c.Resource == tenant.ResourceBalance {
			rows[n][2] = "" // which is the sum of what was paid and what is left
		}
		if c.WaitsSince != nil {
			fmt.Fprintf(&waits, "\nProvisioning waits for capacity (%s) since %s: %s\n", c.Resource, moment(*c.WaitsSince), Visible(c.Why))
		}
	}
	text := Grid([]string{"RESOURCE", "USED", "OF", "LEFT", "PER DAY", "DAYS LEFT", "READ"}, rows)
	if waits.Len() > 0 {
		text += waits.String() + "It goes on by itself when there is room. What to do: docs/runbooks/capacity.md\n"
	}
	return text
}

func (c Capacity) used() string {
	if c.ReadAt == nil {
		return ""
	}
	return c.Resource.Amount(c.Used)
}

func (c Capacity) amount(n *int64) string {
	if n == nil || c.ReadAt == nil {
		return ""
	}
	return c.Resource.Amount(*n)
}

func (c Capacity) perDay() string {
	if c.PerDay == nil {
		return ""
	}
	return c.Resource.Amount(int64(*c.PerDay))
}

// read is when it was read.
func (c Capacity) read() string {
	switch {
	case c.ReadAt == nil:
		return "never: is a worker running?"
	case c.Stale:
		return momentOf(c.ReadAt) + ", too long ago: is a worker running?"
	}
	return momentOf(c.ReadAt)
}

func days(n *float64) string {
	if n == nil {
		return ""
	}
	return fmt.Sprintf("%.0f", *n)
}
