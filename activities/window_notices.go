package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"tenant-provisioning/internal/tenant"
)

// WindowOutbox keeps the mails about windows, each once.
type WindowOutbox interface {
	// TakeNotice leases the next that is due, staff's first; false when none is, and then
	// next is when one will be, zero when none is left.
	TakeNotice(ctx context.Context, id tenant.WindowID, lease time.Duration) (n tenant.WindowNotice, due bool, next time.Time, err error)
	NoticeSent(ctx context.Context, id string) error
	NoticeDropped(ctx context.Context, id string) error
	NoticeFailed(ctx context.Context, id, reason string) error
	// PostponeNotice has it tried again; when it is in doubt, the provider is asked first.
	PostponeNotice(ctx context.Context, id string, after time.Duration, doubtful bool, reason string) error
}

// WindowMailer sends mails about windows.
type WindowMailer interface {
	// SendWindowNotice sends one, unless an earlier attempt turns out to have. With an
	// error, a *tenant.StepError, doubtful tells that the mail may have left.
	SendWindowNotice(ctx context.Context, n tenant.WindowNotice) (doubtful bool, err error)
}

// WindowNotices tells people of maintenance windows.
type WindowNotices struct {
	Outbox WindowOutbox
	Mailer WindowMailer
	// Pause is between two mails, so that ten thousand of them take half an hour and
	// leave the provider to others; zero takes the default.
	Pause time.Duration
}

const (
	// noticePause makes five mails a second.
	noticePause = 200 * time.Millisecond
	// noticeLease is how long a mail that is being sent is left to its worker; longer
	// than a conversation with a mail provider.
	noticeLease = 2 * time.Minute
	// noticeTimeout bounds that conversation.
	noticeTimeout = time.Minute
	// noticeRetryFirst and noticeRetryMost space the attempts at a mail, and after a
	// failure of the provider those at all of them.
	noticeRetryFirst = 30 * time.Second
	noticeRetryMost  = 15 * time.Minute
)

// NoticeReport is what is left of the mails about a window.
type NoticeReport struct {
	// Again is when there is more to send; zero when nothing is left.
	Again time.Duration `json:"again,omitempty"`
}

// SendWindowNotices sends what is due of the mails about a window, one after the other.
// It may run twice: each mail is leased, and after a doubt the provider is asked. An
// address that bounces holds up nothing but itself.
func (a *WindowNotices) SendWindowNotices(ctx context.Context, id tenant.WindowID) (NoticeReport, error) {
	pause := a.Pause
	if pause == 0 {
		pause = noticePause
	}
	for {
		activity.RecordHeartbeat(ctx)
		n, due, next, err := a.Outbox.TakeNotice(ctx, id, noticeLease)
		switch {
		case err != nil:
			return NoticeReport{}, windowError(ctx, err)
		case !due && next.IsZero():
			return NoticeReport{}, nil
		case !due:
			return NoticeReport{Again: max(time.Until(next), time.Second)}, nil
		}
		everybody, err := a.send(ctx, n)
		if err != nil {
			return NoticeReport{}, windowError(ctx, err)
		}
		if everybody { // the provider is in trouble: the others would fail alike
			return NoticeReport{Again: noticeBackoff(n.Attempts)}, nil
		}
		if err := rest(ctx, pause); err != nil {
			return NoticeReport{}, err
		}
	}
}

// send sends one mail and writes what became of it, also when the worker stops
// meanwhile. everybody tells that no other mail would leave either.
func (a *WindowNotices) send(ctx context.Context, n tenant.WindowNotice) (everybody bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noticeTimeout)
	defer cancel()
	if n.Untrue {
		return false, a.Outbox.NoticeDropped(ctx, n.ID)
	}
	doubtful, failed := a.Mailer.SendWindowNotice(ctx, n)
	writing, stop := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer stop()
	if failed == nil {
		return false, a.Outbox.NoticeSent(writing, n.ID)
	}
	f := describe("", failed)
	activity.GetLogger(ctx).Warn("a notice of a maintenance window did not leave", "notice", n.ID, "attempts", n.Attempts, "error", failed)
	if f.Permanent {
		return false, a.Outbox.NoticeFailed(writing, n.ID, f.Reason)
	}
	after := max(noticeBackoff(n.Attempts), retryAfter(failed))
	return !alone(failed) && !doubtful, a.Outbox.PostponeNotice(writing, n.ID, after, doubtful, f.Reason)
}

// noticeBackoff grows with the attempts.
func noticeBackoff(attempts int) time.Duration {
	after := noticeRetryFirst
	for range attempts - 1 {
		if after = 2 * after; after >= noticeRetryMost {
			return noticeRetryMost
		}
	}
	return after
}
