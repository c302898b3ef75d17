package mail_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/observe"
)

// fixedProvider is a provider that answers one thing.
type fixedProvider struct{ err error }

func (a fixedProvider) Send(context.Context, mail.Message) (mail.Receipt, error) {
	return mail.Receipt{}, a.err
}

func (fixedProvider) Lookup(context.Context, string, time.Time) (mail.Finding, error) {
	return mail.Finding{}, nil
}

func (fixedProvider) Probe(context.Context) error { return nil }

// TestMailsAreCountedByOutcome, also where the error is wrapped.
func TestMailsAreCountedByOutcome(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics := observe.NewMail(registry)
	want := map[string]error{
		"sent": nil, "rejected": &mail.RejectedError{}, "auth": &mail.AuthError{}, "throttled": &mail.ThrottledError{},
		"uncertain": &mail.UncertainError{}, "unavailable": &mail.UnavailableError{}, "other": errors.New("what nobody has foreseen"),
	}
	for _, err := range want {
		_, got := mail.Counted(fixedProvider{err}, "primary", "smtp", metrics).Send(t.Context(), mail.Message{})
		require.Equal(t, err, got)
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Len(t, families, 1)
	require.Len(t, families[0].GetMetric(), len(want))
	for _, m := range families[0].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "outcome" {
				require.Contains(t, want, l.GetValue())
				require.EqualValues(t, 1, m.GetHistogram().GetSampleCount(), l.GetValue())
			}
		}
	}
}
