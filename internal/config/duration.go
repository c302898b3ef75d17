package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// words are the units that the replaced application's token library accepts
// beside those of Go. A year has 365.25 days there.
var words = map[string]time.Duration{
	"ms": time.Millisecond, "msec": time.Millisecond, "msecs": time.Millisecond,
	"millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hrs": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": day, "day": day, "days": day,
	"w": 7 * day, "week": 7 * day, "weeks": 7 * day,
	"y": year, "yr": year, "yrs": year, "year": year, "years": year,
	"": time.Second,
}

const (
	day  = 24 * time.Hour
	year = 8766 * time.Hour
)

var amount = regexp.MustCompile(`^([0-9]*\.?[0-9]+) *([a-z]*)$`)

// duration is a length of time within bounds, in Go's notation (1h30m), as a
// number with a unit up to years (1d, 2 weeks), or in plain seconds.
func duration(minimum, maximum time.Duration) kind[time.Duration] {
	return kind[time.Duration]{
		want: fmt.Sprintf("a duration from %s to %s, such as 90s, 30m, 24h or 2d", short(minimum), short(maximum)),
		parse: func(s string) (time.Duration, bool) {
			d, ok := parseDuration(s)
			return d, ok && d >= minimum && d <= maximum
		},
	}
}

func parseDuration(s string) (time.Duration, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	m := amount.FindStringSubmatch(s)
	if m == nil || words[m[2]] == 0 {
		d, err := time.ParseDuration(s)
		return d, err == nil
	}
	unit := words[m[2]]
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil || n > float64(math.MaxInt64/int64(unit)) {
		return 0, false
	}
	return time.Duration(n * float64(unit)), true
}

// short writes a duration without its zero parts: 24h instead of 24h0m0s.
func short(d time.Duration) string {
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}
