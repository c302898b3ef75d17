package mail

import (
	"context"
	"errors"
	"time"

	"tenant-provisioning/internal/observe"
)

// counted counts what becomes of the mails that a provider is given.
type counted struct {
	Provider
	server, name string
	metrics      *observe.Mail
}

// Counted counts what becomes of the mails that a provider is given. server says which
// one it is, primary or backup, and name what it is, as receipts say it.
func Counted(p Provider, server, name string, metrics *observe.Mail) Provider {
	return counted{p, server, name, metrics}
}

// Send sends through the provider.
func (c counted) Send(ctx context.Context, m Message) (Receipt, error) {
	began := time.Now()
	receipt, err := c.Provider.Send(ctx, m)
	c.metrics.Sent(c.server, c.name, outcome(err), time.Since(began))
	return receipt, err
}

// outcome is what became of a mail, as a label of a metric.
func outcome(err error) string {
	var (
		rejected    *RejectedError
		auth        *AuthError
		throttled   *ThrottledError
		uncertain   *UncertainError
		unavailable *UnavailableError
	)
	switch {
	case err == nil:
		return "sent"
	case errors.As(err, &rejected):
		return "rejected"
	case errors.As(err, &auth):
		return "auth"
	case errors.As(err, &throttled):
		return "throttled"
	case errors.As(err, &uncertain):
		return "uncertain"
	case errors.As(err, &unavailable):
		return "unavailable"
	}
	return "other"
}
