package activities

import (
	"context"

	"go.temporal.io/sdk/activity"
)

// Logs keeps logs for as long as is set.
type Logs struct {
	// Keep moves what is old to the backup store and deletes what is too old, and says in a
	// few words what it did.
	Keep func(ctx context.Context, progress func(string)) (did string, err error)
}

// KeepLogs does one round. It may be repeated, and be cut short, at any time.
func (a *Logs) KeepLogs(ctx context.Context) (string, error) {
	did, err := a.Keep(ctx, heartbeat(ctx))
	if err != nil {
		activity.GetLogger(ctx).Error("old logs are not moved", "error", err)
		return "", classify("", err)
	}
	return did, nil
}
