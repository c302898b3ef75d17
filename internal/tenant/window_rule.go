package tenant

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// WindowRule says when the regular maintenance window of a month is, in UTC: daylight
// saving moves nothing.
type WindowRule struct {
	// Which of the month's such days it is, from 1; 0 is the last.
	Which int
	Day   time.Weekday
	// Starts is the time of day, and Lasts how long: it may end on the next day.
	Starts, Lasts time.Duration
}

// ordinals are the words of WindowRule.Which, by its value.
var ordinals = []string{"last", "first", "second", "third", "fourth"}

var rulePattern = regexp.MustCompile(`^(\w+) (\w+) (\d\d):(\d\d)-(\d\d):(\d\d)$`)

// ParseWindowRule reads a rule such as "second sunday 02:00-04:00".
func ParseWindowRule(s string) (WindowRule, bool) {
	m := rulePattern.FindStringSubmatch(strings.ToLower(strings.TrimSpace(s)))
	if m == nil {
		return WindowRule{}, false
	}
	r := WindowRule{Which: -1, Day: -1}
	for n, word := range ordinals {
		if word == m[1] {
			r.Which = n
		}
	}
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.ToLower(day.String()) == m[2] {
			r.Day = day
		}
	}
	starts, startErr := time.Parse("15:04", m[3]+":"+m[4])
	ends, endErr := time.Parse("15:04", m[5]+":"+m[6])
	if r.Which < 0 || r.Day < 0 || startErr != nil || endErr != nil || starts.Equal(ends) {
		return WindowRule{}, false
	}
	r.Starts = time.Duration(starts.Hour())*time.Hour + time.Duration(starts.Minute())*time.Minute
	if r.Lasts = ends.Sub(starts); r.Lasts < 0 {
		r.Lasts += 24 * time.Hour
	}
	return r, true
}

// String is the rule as ParseWindowRule reads it.
func (r WindowRule) String() string {
	clock := func(d time.Duration) string { return time.Time{}.Add(d).Format("15:04") }
	return fmt.Sprintf("%s %s %s-%s", ordinals[r.Which], strings.ToLower(r.Day.String()), clock(r.Starts), clock(r.Starts+r.Lasts))
}

// In is the window of the month that a time is in.
func (r WindowRule) In(month time.Time) (starts, ends time.Time) {
	first := MonthOf(month)
	day := first.AddDate(0, 0, int(r.Day-first.Weekday()+7)%7+7*(r.Which-1))
	if r.Which == 0 {
		last := first.AddDate(0, 1, -1)
		day = last.AddDate(0, 0, -int(last.Weekday()-r.Day+7)%7)
	}
	return day.Add(r.Starts), day.Add(r.Starts + r.Lasts)
}

// MonthOf is the first moment of a time's month, in UTC.
func MonthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}
