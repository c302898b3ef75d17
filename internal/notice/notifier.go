package notice

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"tenant-provisioning/internal/tenant"
)

const (
	// DefaultWindow is how long parkings are collected before a mail leaves: an
	// outage parks many within a minute, and nobody at 03:00 is a minute late.
	DefaultWindow = time.Minute
	// DefaultPoll is how often rows are looked at.
	DefaultPoll = 10 * time.Second
	// lease is how long a mail that is being sent is left to its worker; longer
	// than a conversation with a mail provider.
	lease = 2 * time.Minute
	// retryFirst and retryMost space the attempts at a mail.
	retryFirst = 15 * time.Second
	retryMost  = 15 * time.Minute
	// mostAttempts at the webhook are some 25 hours.
	mostAttempts = 105
	// storeTimeout bounds a question to the database: a host that has vanished
	// answers neither yes nor no.
	storeTimeout = 5 * time.Second
	// sendTimeout bounds a conversation with the mail provider.
	sendTimeout = time.Minute
)

// Store keeps what was told to whom.
type Store interface {
	// Collect makes a notice for each recipient of everything that has
	// parked and was told to nobody, once the oldest of it is as old as window,
	// of each incident that has lasted that long or is over for good, and of each
	// outage and other trouble that lasts or is over.
	Collect(ctx context.Context, recipients []string, window time.Duration) error
	// Take leases the next notice that is due and leaves by mail, by the
	// webhook or either; false when none is. An empty one, because nothing that it
	// was to tell is true any more, is for Drop.
	Take(ctx context.Context, lease time.Duration, byMail, byWebhook bool) (tenant.Notice, bool, error)
	Sent(ctx context.Context, id string) error
	Drop(ctx context.Context, id string) error
	// Postpone has it tried again. When it is in doubt, the provider is
	// asked first.
	Postpone(ctx context.Context, id string, after time.Duration, doubtful bool) error
}

// Mailer sends notices.
type Mailer interface {
	// SendNotice sends one, unless an earlier attempt turns out to have. The
	// second result tells, with an error, that the mail may have left.
	SendNotice(ctx context.Context, n tenant.Notice) (doubtful bool, err error)
}

// Config is what a Notifier works with.
type Config struct {
	Store Store
	// Mailer sends mails; nil in a process that cannot: its notices leave from
	// those that can.
	Mailer Mailer
	// Webhook is told what people are told; nil: there is none.
	Webhook Mailer
	// Recipients are addresses; without any and without a webhook, nobody is told.
	Recipients []string
	// Window and Poll take their defaults when zero.
	Window time.Duration
	Poll   time.Duration
	Logger *slog.Logger
}

// Notifier tells people. Every worker and api has one; they share the rows.
type Notifier struct{ config Config }

// New makes a notifier.
func New(c Config) *Notifier {
	if c.Webhook != nil {
		c.Recipients = append(slices.Clone(c.Recipients), tenant.NoticeWebhook)
	}
	if c.Window <= 0 {
		c.Window = DefaultWindow
	}
	if c.Poll <= 0 {
		c.Poll = DefaultPoll
	}
	return &Notifier{config: c}
}

// Run notifies until ctx ends. Neither the database nor the mail provider need
// be there.
func (n *Notifier) Run(ctx context.Context) {
	switch {
	case len(n.config.Recipients) == 0:
		n.config.Logger.InfoContext(ctx, "nobody is told of operations that need attention, of incidents, nor of other trouble: neither NOTIFY_EMAIL nor NOTIFY_WEBHOOK is set")
		return
	case n.config.Mailer == nil && n.config.Webhook == nil:
		return
	}
	ticker := time.NewTicker(n.config.Poll)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := n.round(ctx); err != nil && ctx.Err() == nil {
			n.config.Logger.WarnContext(ctx, "cannot tell people what needs attention; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// round collects, and sends what is due.
func (n *Notifier) round(ctx context.Context) error {
	if err := n.collect(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		notice, due, err := n.take(ctx)
		if err != nil || !due {
			return err
		}
		if err := n.deliver(ctx, notice); err != nil {
			return err
		}
	}
	return nil
}

func (n *Notifier) collect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return n.config.Store.Collect(ctx, n.config.Recipients, n.config.Window)
}

func (n *Notifier) take(ctx context.Context) (tenant.Notice, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return n.config.Store.Take(ctx, lease, n.config.Mailer != nil, n.config.Webhook != nil)
}

// deliver sends one notice and writes what became of it. A worker that stops
// meanwhile still writes it: a doubt costs somebody a second mail.
func (n *Notifier) deliver(ctx context.Context, notice tenant.Notice) error {
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	var doubtful bool
	var err error
	drop := notice.Empty() || n.givesUp(ctx, notice)
	if !drop {
		doubtful, err = n.mailer(notice).SendNotice(sending, notice)
	}
	writing, stop := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer stop()
	switch {
	case drop:
		return n.config.Store.Drop(writing, notice.ID)
	case err == nil:
		n.config.Logger.InfoContext(ctx, "told people what needs attention", "notice", notice.ID, "operations", len(notice.Operations),
			"incident", notice.Incident.ID, "outage", notice.Outage.ID, "trouble", notice.Trouble.Kind)
		return n.config.Store.Sent(writing, notice.ID)
	}
	after := pause(notice.Attempts)
	n.config.Logger.WarnContext(ctx, "a notice of what needs attention did not leave; trying again",
		"notice", notice.ID, "after", after.String(), "attempts", notice.Attempts, "error", err)
	return n.config.Store.Postpone(writing, notice.ID, after, doubtful)
}

// mailer is the way to the recipient.
func (n *Notifier) mailer(notice tenant.Notice) Mailer {
	if notice.To == tenant.NoticeWebhook {
		return n.config.Webhook
	}
	return n.config.Mailer
}

// givesUp tells of a webhook that has not taken the notice for a day. A mail is
// tried for as long as what it tells is true.
func (n *Notifier) givesUp(ctx context.Context, notice tenant.Notice) bool {
	if notice.To != tenant.NoticeWebhook || notice.Attempts <= mostAttempts {
		return false
	}
	n.config.Logger.ErrorContext(ctx, "the webhook has not taken a notice for a day; it is dropped: check NOTIFY_WEBHOOK", "notice", notice.ID)
	return true
}

// pause grows with the attempts.
func pause(attempts int) time.Duration {
	after := retryFirst
	for range attempts - 1 {
		if after = 2 * after; after >= retryMost {
			return retryMost
		}
	}
	return after
}
