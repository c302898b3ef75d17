package connect

import (
	"log/slog"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/notice"
	"tenant-provisioning/internal/postgres"
)

// Notifier makes what tells NOTIFY_EMAIL, through the mail provider of the
// welcome mails, and NOTIFY_WEBHOOK. Whoever runs one must have both: it drops
// what is for a webhook that it does not know.
func Notifier(cfg *config.Config, store *postgres.Store, log *slog.Logger) (*notice.Notifier, error) {
	postman, err := Postman(cfg.Mail, log)
	if err != nil {
		return nil, err
	}
	recipients := make([]string, len(cfg.App.NotifyEmail))
	for i, a := range cfg.App.NotifyEmail {
		recipients[i] = a.Address
	}
	c := notice.Config{Store: store, Mailer: postman, Recipients: recipients, Logger: log}
	if !cfg.App.NotifyWebhook.Empty() {
		c.Webhook = Webhook(cfg.App)
	}
	return notice.New(c), nil
}
