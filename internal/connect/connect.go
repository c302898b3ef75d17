package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/notice"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/sshagent"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/temporalclient"
	"tenant-provisioning/internal/token"
	"tenant-provisioning/internal/tracing"
	"tenant-provisioning/workflows/runner"
)

// Database makes a pool of connections for the process called name. Close it.
func Database(ctx context.Context, c config.DB, name string, m Metrics) (*pgxpool.Pool, error) {
	pc := postgres.Config{
		Host: c.Host, Port: c.Port, User: c.Username, Password: c.Password.Reveal(), Database: c.Name,
		SSLMode: string(c.SSLMode), RootCAs: c.RootCAs, SSLCert: c.SSLCert, SSLKey: c.SSLKey, MaxConns: int32(c.MaxConns), ApplicationName: name,
		VerifyConnection: m.Certificates.Of("database"), Tracer: tracing.SQL(),
	}
	if m.Queries != nil {
		pc.QueryTook = m.Queries.Observe
	}
	return postgres.Open(ctx, pc)
}

// Temporal makes a client. Close it. Without a registerer there are no metrics.
func Temporal(c config.Temporal, log *slog.Logger, registerer prometheus.Registerer, m Metrics, dial ...grpc.DialOption) (client.Client, error) {
	return newTemporal(temporalConfig(c, log, registerer, m, dial))
}

// WorkerTemporal is Temporal for a process that runs workflows.
func WorkerTemporal(c config.Temporal, log *slog.Logger, registerer prometheus.Registerer, m Metrics, dial ...grpc.DialOption) (client.Client, error) {
	worker := temporalConfig(c, log, registerer, m, dial)
	worker.RunsWorkflows = true
	return newTemporal(worker)
}

func newTemporal(c temporalclient.Config) (client.Client, error) {
	traces, err := tracing.Temporal()
	if err != nil {
		return nil, err
	}
	c.Options.Interceptors = append(c.Options.Interceptors, traces...)
	return temporalclient.New(c)
}

func temporalConfig(c config.Temporal, log *slog.Logger, registerer prometheus.Registerer, m Metrics, dial []grpc.DialOption) temporalclient.Config {
	options := c.ClientOptions()
	if options.ConnectionOptions.TLS != nil && m.Certificates != nil {
		options.ConnectionOptions.TLS = options.ConnectionOptions.TLS.Clone()
		options.ConnectionOptions.TLS.VerifyConnection = m.Certificates.Of("temporal")
	}
	options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions, dial...)
	return temporalclient.Config{Options: options, Keys: payloadKeys(c), Logger: log, Registerer: registerer}
}

// Namespace is what Temporal must have for the product.
func Namespace(c config.Temporal) temporalclient.Namespace {
	return temporalclient.Namespace{
		Name: c.Namespace, Retention: c.Retention,
		Attributes: []temporal.SearchAttributeKey{
			runner.AttributeTenantID, runner.AttributeOperationState,
			runner.AttributeFailedStep, runner.AttributeFailureClass,
		},
	}
}

// Signer makes tokens that an api with the same settings accepts.
func Signer(c config.JWT) token.Signer {
	return token.Signer{Secret: c.Secret.Reveal(), Issuer: c.Issuer, Audience: c.Audience}
}

// Verifier checks tokens, and keeps the keys of the identity provider fresh until
// ctx ends.
func Verifier(ctx context.Context, c config.JWT, log *slog.Logger) (*token.Verifier, error) {
	return token.NewVerifier(ctx, token.Config{
		Secret: c.Secret.Reveal(), JWKSURL: c.JWKSURL, Transport: transport(c.JWKSRootCAs), Issuer: c.Issuer, Audience: c.Audience,
		RoleClaim: c.RoleClaim, Now: time.Now, Logger: log,
	})
}

// Webhook posts notices to NOTIFY_WEBHOOK.
func Webhook(c config.App) *notice.Webhook {
	return notice.NewWebhook(c.NotifyWebhook.Reveal(), transport(c.NotifyWebhookRootCAs))
}

// transport trusts servers whose certificate these authorities have signed; nil,
// which is Go's own, those that the system trusts.
func transport(roots *x509.CertPool) http.RoundTripper {
	if roots == nil {
		return nil
	}
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented to be one
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return t
}

// Codec is what Temporal's payloads are encrypted with. It fails without
// PAYLOAD_KEYS.
func Codec(c config.Temporal) (*temporalclient.Codec, error) {
	return temporalclient.NewCodec(payloadKeys(c))
}

func payloadKeys(c config.Temporal) []temporalclient.Key {
	keys := make([]temporalclient.Key, len(c.PayloadKeys))
	for i, k := range c.PayloadKeys {
		keys[i] = temporalclient.Key{ID: k.ID, Secret: []byte(k.Key.Reveal())}
	}
	return keys
}

// Ledger makes the deployer of tenants' contracts, with its journal in the
// database.
func Ledger(c config.Soroban, pool *pgxpool.Pool, log *slog.Logger, m Metrics) (*stellar.Deployer, error) {
	admin, err := agent(c.AdminSigner, "SOROBAN_ADMIN_SIGNER")
	if err != nil {
		return nil, err
	}
	previous, err := agent(c.PreviousAdminSigner, "SOROBAN_PREVIOUS_ADMIN_SIGNER")
	if err != nil {
		return nil, err
	}
	return stellar.New(stellar.Config{
		RPCURL: c.RPCURL, RootCAs: c.RootCAs, Passphrase: c.Passphrase,
		Deployer: stellar.Seed(c.DeployerSecret.Reveal()), ChannelSecret: stellar.Seed(c.ChannelSecret.Reveal()),
		FeePayer: stellar.Seed(c.PayerSecret.Reveal()), Admin: stellar.Seed(c.AdminSecret.Reveal()), AdminSigner: admin,
		PreviousAdmin: stellar.Seed(c.PreviousAdminSecret.Reveal()), PreviousAdminSigner: previous,
		Channels: c.Channels, Wasm: tenantcontract.Wasm, Logger: log,
		Limits:  submit.Limits{Transaction: c.MaxFee, Upload: c.UploadMaxFee, Keeper: c.KeeperMaxFee, Month: c.KeeperMonth, Operation: c.OperationMaxFee, Day: c.DayMaxFee},
		Metrics: m.Ledger, VerifyConnection: m.Certificates.Of("ledger"),
	}, postgres.NewStellarJournal(pool))
}

// agent is who signs with a key that an ssh-agent holds; nil where none is set.
func agent(a config.SSHAgent, setting string) (submit.Signer, error) {
	if a == (config.SSHAgent{}) {
		return nil, nil //nolint:nilnil // nobody is no failure
	}
	return sshagent.New(a.Socket, a.Account, setting)
}

// Postman makes what sends the mails of provisioning, with a backup behind it
// where MAIL_BACKUP_ names one.
func Postman(c config.Mail, log *slog.Logger, m Metrics) (*mail.Postman, error) {
	provider, err := mailServer(c.MailServer, "MAIL_", "primary", m)
	if err != nil {
		return nil, err
	}
	if c.Backup != nil {
		backup, err := mailServer(*c.Backup, "MAIL_BACKUP_", "backup", m)
		if err != nil {
			return nil, err
		}
		if provider, err = mail.NewFailover(mail.FailoverConfig{Primary: provider, Backup: backup, Logger: log, Clock: time.Now}); err != nil {
			return nil, err
		}
	}
	return mail.NewPostman(mail.PostmanConfig{
		Provider: provider, From: mail.Address{Name: c.From.Name, Addr: c.From.Address}, Clock: time.Now,
	}), nil
}

func mailServer(s config.MailServer, prefix, which string, m Metrics) (provider mail.Provider, err error) {
	verify := m.Certificates.Of("mail_" + which)
	switch s.Transport {
	case config.SendGrid:
		provider, err = mail.NewSendGrid(mail.SendGridConfig{
			APIKey: s.Password.Reveal(), BaseURL: s.SendGridURL, RootCAs: s.RootCAs, VerifyConnection: verify, SettingPrefix: prefix,
		})
	case config.SMTP:
		provider, err = mail.NewSMTP(mail.SMTPConfig{
			Host: s.Host, Port: s.Port, User: s.User, Password: s.Password.Reveal(), Helo: s.Helo,
			RootCAs: s.RootCAs, VerifyConnection: verify, SettingPrefix: prefix,
		})
	default:
		return nil, fmt.Errorf("%sTRANSPORT: %q is not a transport", prefix, s.Transport)
	}
	if err != nil {
		return nil, err
	}
	if m.Mail == nil { // the doctor looks at the provider itself
		return provider, nil
	}
	return mail.Counted(mail.Traced(provider, string(s.Transport)), which, string(s.Transport), m.Mail), nil
}
