package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Mail is what a process counts of the mails that it hands to a provider.
type Mail struct{ sent *prometheus.HistogramVec }

// NewMail registers it.
func NewMail(registerer prometheus.Registerer) *Mail {
	return &Mail{promauto.With(registerer).NewHistogramVec(prometheus.HistogramOpts{
		Name: "mail_send_duration_seconds",
		Help: "Attempts to hand a mail to a provider, by server (primary, backup), provider and outcome: sent; rejected: the mail; auth: us; " +
			"throttled; unavailable: it was not taken; uncertain: it may have been; other. Their number is mail_send_duration_seconds_count.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"server", "provider", "outcome"})}
}

// Sent counts an attempt. A nil *Mail counts nothing.
func (m *Mail) Sent(server, provider, outcome string, took time.Duration) {
	if m == nil {
		return
	}
	m.sent.WithLabelValues(server, provider, outcome).Observe(took.Seconds())
}
