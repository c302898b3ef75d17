package role

import (
	"context"
	"flag"
	"fmt"

	"tenant-provisioning/deploy/devstack/internal/port"
	"tenant-provisioning/internal/mail/mailtest"
)

// Mail is the mail catcher, which stands in for SendGrid and shows what was sent.
type Mail struct {
	Port     int
	DataFile string
	APIKey   string
}

// Name implements [Role].
func (m *Mail) Name() string { return "mail" }

// Bind implements [Role].
func (m *Mail) Bind(flags *flag.FlagSet) {
	flags.IntVar(&m.Port, "port", m.Port, "port of SendGrid's API and the page (0: a free one); the API key is MAIL_PASSWORD")
	flags.StringVar(&m.DataFile, "data-file", m.DataFile, "keep the mail in this file (default: in memory)")
}

// Secrets implements [Role].
func (m *Mail) Secrets() []string { return []string{"MAIL_PASSWORD=" + m.APIKey} }

// ReadSecrets implements [Role].
func (m *Mail) ReadSecrets(getenv func(string) string) { m.APIKey = getenv("MAIL_PASSWORD") }

// Start implements [Role].
func (m *Mail) Start(context.Context) (Component, error) {
	if err := pickPort(&m.Port, 1); err != nil {
		return nil, err
	}
	catcher, err := mailtest.NewCatcher(mailtest.CatcherConfig{DataFile: m.DataFile, APIKey: m.APIKey})
	if err != nil {
		return nil, fmt.Errorf("open the mail catcher: %w", err)
	}
	return serve(m.Port, catcher, catcher.Close)
}

// URL is the catcher's page and the base of SendGrid's API.
func (m *Mail) URL() string { return "http://" + port.Address(m.Port) }

// Addresses implements [Role].
func (m *Mail) Addresses() map[string]string {
	return map[string]string{"MAIL_CATCHER_URL": m.URL(), "SENDGRID_BASE_URL": m.URL(), "MAIL_TRANSPORT": "sendgrid"}
}
