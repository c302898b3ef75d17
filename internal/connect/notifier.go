package connect

import (
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/notice"
	"tenant-provisioning/internal/postgres"
)

// Notifier makes what tells NOTIFY_EMAIL, through the mail provider of the
// welcome mails, and NOTIFY_WEBHOOK. A process without mail settings tells the
// webhook alone: the mails leave from those that have them.
func Notifier(cfg *config.Config, pool *pgxpool.Pool, log *slog.Logger, m Metrics) (*notice.Notifier, error) {
	c := notice.Config{Store: postgres.NewNotices(pool), Logger: log}
	for _, a := range cfg.App.NotifyEmail {
		c.Recipients = append(c.Recipients, a.Address)
	}
	if !cfg.App.NotifyWebhook.Empty() {
		c.Webhook = Webhook(cfg.App)
	}
	if cfg.Mail.From.Address != "" {
		postman, err := Postman(cfg.Mail, log, m)
		if err != nil {
			return nil, err
		}
		c.Mailer = postman
	} else if len(c.Recipients) > 0 {
		log.Warn("NOTIFY_EMAIL gets no mail when no worker is running, since nobody else could send it: set MAIL_FROM and the other MAIL_ settings for this process too")
	}
	return notice.New(c), nil
}
