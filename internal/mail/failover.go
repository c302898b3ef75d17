package mail

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// FailoverConfig names the two ways. All fields are required.
type FailoverConfig struct {
	Primary Provider
	Backup  Provider
	Logger  *slog.Logger
	Clock   func() time.Time
}

// Failover sends through the backup what the primary certainly did not take.
type Failover struct{ config FailoverConfig }

// NewFailover puts the backup behind the primary.
func NewFailover(config FailoverConfig) (*Failover, error) {
	if config.Primary == nil || config.Backup == nil || config.Logger == nil || config.Clock == nil {
		return nil, errors.New("mail failover: Primary, Backup, Logger and Clock are required")
	}
	return &Failover{config: config}, nil
}

// Send tries the primary, then the backup. A refused mail goes no further:
// another provider would refuse it too, or bounce it. An attempt in doubt goes
// to the backup only if the primary says that it has no such mail; else the
// doubt is returned.
func (f *Failover) Send(ctx context.Context, m Message) (Receipt, error) {
	began := f.config.Clock()
	receipt, err := f.config.Primary.Send(ctx, m)
	var rejected *RejectedError
	if err == nil || errors.As(err, &rejected) {
		return receipt, err
	}
	var uncertain *UncertainError
	if errors.As(err, &uncertain) {
		finding, lookupErr := f.config.Primary.Lookup(ctx, m.ID, began)
		switch {
		case lookupErr != nil, finding.Presence == Pending, finding.Presence == Unknown:
			return Receipt{}, err
		case finding.Presence == Found:
			return finding.Receipt, nil
		}
	}
	f.config.Logger.WarnContext(ctx, "mail goes to the backup server", "cause", err, "message_id", m.ID)
	receipt, backupErr := f.config.Backup.Send(ctx, m)
	if backupErr == nil {
		return receipt, nil
	}
	return Receipt{}, graver(err, backupErr)
}

// graver picks the error that decides what happens next, when both providers
// failed: a doubt, because the mail may be out; then a refusal, because
// repeating is of no use; then the primary's, the one that somebody should
// mend.
func graver(primary, backup error) error {
	var uncertain *UncertainError
	var rejected *RejectedError
	if errors.As(backup, &uncertain) || errors.As(backup, &rejected) {
		return &bothError{decisive: backup, other: primary}
	}
	return &bothError{decisive: primary, other: backup}
}

// bothError is one provider's error for errors.As, and both for the reader.
type bothError struct{ decisive, other error }

func (e *bothError) Error() string { return e.decisive.Error() + " (also " + e.other.Error() + ")" }
func (e *bothError) Unwrap() error { return e.decisive }

// Lookup asks both providers. Found by either is Found; the mail is Absent
// only if both are sure.
func (f *Failover) Lookup(ctx context.Context, id string, sentAt time.Time) (Finding, error) {
	primary, err := f.config.Primary.Lookup(ctx, id, sentAt)
	if primary.Presence == Found {
		return primary, nil
	}
	backup, backupErr := f.config.Backup.Lookup(ctx, id, sentAt)
	if backup.Presence == Found {
		return backup, nil
	}
	if err = errors.Join(err, backupErr); err != nil {
		return Finding{Presence: Unknown}, err
	}
	for _, presence := range []Presence{Pending, Unknown} {
		if primary.Presence == presence || backup.Presence == presence {
			return Finding{Presence: presence}, nil
		}
	}
	return Finding{Presence: Absent}, nil
}
