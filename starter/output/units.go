package output

import (
	"strconv"
	"time"
)

// moment writes a time in UTC to the second; a zero time is empty.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// momentOf is moment of a time that may be absent.
func momentOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return moment(*t)
}

// span writes a duration with as many digits as anybody reads; zero is empty.
func span(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Second:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	}
	return d.Round(time.Second).String()
}

// seconds writes seconds with two decimals; zero is empty.
func seconds(s float64) string {
	if s <= 0 {
		return ""
	}
	return strconv.FormatFloat(s, 'f', 2, 64)
}

// optional is nil for a zero time, so that it is left out of JSON.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
