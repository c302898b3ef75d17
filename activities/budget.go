package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// Budget is how long a step, or an undo, may fail before Temporal stops
// repeating it. Only attempts that failed use it up: each its own time, and the
// pause that follows it. An attempt that was lost with its worker, or that waits
// in a queue until a worker comes back, uses nothing. So it is not
// ScheduleToClose, which runs while nobody is there to try anything.
type Budget struct {
	// Lasts is for ever when 0.
	Lasts time.Duration `json:"lasts"`
	// FirstPause is the one after the first attempt; each is twice the one
	// before, up to LongestPause. They are those of the retry policy.
	FirstPause   time.Duration `json:"firstPause"`
	LongestPause time.Duration `json:"longestPause"`
}

// progress is what the attempts at an activity tell: the Web UI shows it, and
// each attempt reads what the ones before it have left.
type progress struct {
	// Doing is what the attempt waits for, in plain words.
	Doing string `json:"doing,omitempty"`
	// FailedFor is how much of the budget is used up.
	FailedFor duration `json:"failedFor,omitempty"`
}

// duration is a time.Duration that people can read.
type duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// failedFor is what the attempts before this one have used up. What cannot be
// read, because another version of the worker has written it, counts nothing.
func failedFor(ctx context.Context) time.Duration {
	var p progress
	if !activity.HasHeartbeatDetails(ctx) || activity.GetHeartbeatDetails(ctx, &p) != nil {
		return 0
	}
	return time.Duration(p.FailedFor)
}

// spend adds a failed attempt to what is used up, and reports that the budget
// does not last until the next one. after is the pause that the failure asks
// for; 0 is the usual one. A local attempt is followed by a plain one in any
// case, and spends nothing.
func (b Budget) spend(ctx context.Context, took, after time.Duration) (usedUp bool) {
	info := activity.GetInfo(ctx)
	if b.Lasts <= 0 || info.IsLocalActivity {
		return false
	}
	if after == 0 {
		after = b.pause(int(info.Attempt))
	}
	spent := failedFor(ctx) + took + after
	activity.RecordHeartbeat(context.WithoutCancel(ctx), progress{FailedFor: duration(spent)})
	return spent > b.Lasts
}

// pause is how long Temporal waits after the nth attempt.
func (b Budget) pause(n int) time.Duration {
	pause := b.FirstPause
	for ; n > 1 && pause < b.LongestPause; n-- {
		pause *= 2
	}
	return min(pause, b.LongestPause)
}

// heartbeat tells what an attempt waits for.
func heartbeat(ctx context.Context) func(string) {
	spent := duration(failedFor(ctx))
	return func(doing string) { activity.RecordHeartbeat(ctx, progress{Doing: doing, FailedFor: spent}) }
}
