package main

import (
	"log/slog"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/notice"
	"tenant-provisioning/internal/postgres"
)

// newNotifier makes what tells NOTIFY_EMAIL of operations that need attention,
// through the same mail provider as the welcome mails, and NOTIFY_WEBHOOK.
func newNotifier(cfg *config.Config, store *postgres.Store, log *slog.Logger) (*notice.Notifier, error) {
	postman, err := connect.Postman(cfg.Mail, log)
	if err != nil {
		return nil, err
	}
	recipients := make([]string, len(cfg.App.NotifyEmail))
	for i, a := range cfg.App.NotifyEmail {
		recipients[i] = a.Address
	}
	c := notice.Config{Store: store, Mailer: postman, Recipients: recipients, Logger: log}
	if !cfg.App.NotifyWebhook.Empty() {
		c.Webhook = notice.NewWebhook(cfg.App.NotifyWebhook.Reveal())
	}
	return notice.New(c), nil
}
