package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/activities"
	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/temporalclient"
)

// clients are the connections of this process.
type clients struct {
	metrics  *prometheus.Registry
	pool     *pgxpool.Pool
	store    *postgres.Store
	temporal client.Client
}

func connect(ctx context.Context, cfg *config.Config, log *slog.Logger) (*clients, error) {
	c := &clients{metrics: prometheus.NewRegistry()}
	c.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var err error
	c.pool, err = postgres.Open(ctx, postgres.Config{
		Host: cfg.DB.Host, Port: cfg.DB.Port, User: cfg.DB.Username, Password: cfg.DB.Password.Reveal(), Database: cfg.DB.Name,
		SSLMode: string(cfg.DB.SSLMode), MaxConns: int32(cfg.DB.MaxConns), ApplicationName: "worker",
	})
	if err != nil {
		return nil, err
	}
	if c.store, err = postgres.NewStore(ctx, c.pool); err != nil {
		c.pool.Close()
		return nil, err
	}
	keys := make([]temporalclient.Key, len(cfg.Temporal.PayloadKeys))
	for i, k := range cfg.Temporal.PayloadKeys {
		keys[i] = temporalclient.Key{ID: k.ID, Secret: []byte(k.Key.Reveal())}
	}
	c.temporal, err = temporalclient.New(temporalclient.Config{
		Options: cfg.Temporal.ClientOptions(), Keys: keys, Logger: log, Registerer: c.metrics,
	})
	if err != nil {
		c.store.Close()
		c.pool.Close()
		return nil, err
	}
	return c, nil
}

func (c *clients) close() {
	c.temporal.Close()
	c.store.Close()
	c.pool.Close()
}

// steps are the activities with what they work on.
type steps struct {
	operation  *activities.Operation
	schema     *activities.Schema
	contract   *activities.Contract
	activation *activities.Activation
	email      *activities.Email
}

func (c *clients) steps(cfg *config.Config, log *slog.Logger) (steps, error) {
	deployer, err := stellar.New(stellar.Config{
		RPCURL: cfg.Soroban.RPCURL, Passphrase: cfg.Soroban.Passphrase,
		Deployer: stellar.Seed(cfg.Soroban.DeployerSecret.Reveal()), ChannelSecret: stellar.Seed(cfg.Soroban.ChannelSecret.Reveal()),
		Channels: cfg.Soroban.Channels, MaxFee: cfg.Soroban.MaxFee, Wasm: tenantcontract.Wasm, Logger: log,
	}, postgres.NewStellarJournal(c.pool))
	if err != nil {
		return steps{}, err
	}
	provider, err := mailProvider(cfg.Mail, log)
	if err != nil {
		return steps{}, err
	}
	postman := mail.NewPostman(mail.PostmanConfig{
		Provider: provider, From: mail.Address{Name: cfg.Mail.From.Name, Addr: cfg.Mail.From.Address}, Clock: time.Now,
	})
	key, err := invitationKey(cfg.JWT.Secret.Reveal())
	if err != nil {
		return steps{}, err
	}
	return steps{
		operation:  &activities.Operation{Store: c.store},
		schema:     &activities.Schema{Store: c.store},
		contract:   &activities.Contract{Store: c.store, Ledger: deployer},
		activation: &activities.Activation{Store: c.store},
		email: &activities.Email{
			Outbox: c.store, Mailer: postman, InvitationKey: key,
			InvitationTTL: cfg.Provisioning.InvitationTTL, AppURL: cfg.App.TenantURL,
		},
	}, nil
}

// invitationKey derives the key of the invitations' links from JWT_SECRET, so
// that neither a token nor a link says anything about the other.
func invitationKey(secret string) ([]byte, error) {
	if secret == "" {
		return nil, errors.New("JWT_SECRET must be set for the worker, also where JWT_JWKS_URL checks tokens: invitation links are derived from it")
	}
	return hkdf.Key(sha256.New, []byte(secret), nil, "tenant-provisioning invitation links", sha256.Size)
}

// mailer is a mail provider, or one with a backup behind it.
type mailer interface {
	Send(ctx context.Context, m mail.Message) (mail.Receipt, error)
	Lookup(ctx context.Context, id string, sentAt time.Time) (mail.Finding, error)
}

func mailProvider(cfg config.Mail, log *slog.Logger) (mailer, error) {
	primary, err := mailServer(cfg.MailServer, "MAIL_")
	if err != nil || cfg.Backup == nil {
		return primary, err
	}
	backup, err := mailServer(*cfg.Backup, "MAIL_BACKUP_")
	if err != nil {
		return nil, err
	}
	return mail.NewFailover(mail.FailoverConfig{Primary: primary, Backup: backup, Logger: log, Clock: time.Now})
}

func mailServer(s config.MailServer, prefix string) (mailer, error) {
	switch s.Transport {
	case config.SendGrid:
		return mail.NewSendGrid(mail.SendGridConfig{APIKey: s.Password.Reveal(), BaseURL: s.SendGridURL, SettingPrefix: prefix})
	case config.SMTP:
		return mail.NewSMTP(mail.SMTPConfig{Host: s.Host, Port: s.Port, User: s.User, Password: s.Password.Reveal(), SettingPrefix: prefix})
	}
	return nil, fmt.Errorf("%sTRANSPORT: %q is not a transport", prefix, s.Transport)
}
