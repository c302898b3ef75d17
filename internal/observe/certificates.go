package observe

import (
	"crypto/tls"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Certificates is until when the certificates of other systems are good, as this
// process has seen them when it last connected.
type Certificates struct{ until *prometheus.GaugeVec }

// NewCertificates registers it.
func NewCertificates(registerer prometheus.Registerer) *Certificates {
	return &Certificates{promauto.With(registerer).NewGaugeVec(prometheus.GaugeOpts{
		Name: "tls_certificate_not_after_timestamp_seconds",
		Help: "Until when the certificate is good that a system has shown when this process last connected to it, in seconds since 1970; " +
			"missing before the first connection, and without TLS.",
	}, []string{"system"})}
}

// Of notes the certificate of a system at each connection. It is for
// tls.Config.VerifyConnection and refuses nothing; nil of a nil *Certificates.
func (c *Certificates) Of(system string) func(tls.ConnectionState) error {
	if c == nil {
		return nil
	}
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) > 0 {
			c.until.WithLabelValues(system).Set(float64(s.PeerCertificates[0].NotAfter.Unix()))
		}
		return nil
	}
}
