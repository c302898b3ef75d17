package connect

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/backup/bucket"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/redis"
	"tenant-provisioning/internal/temporalclient"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
	"tenant-provisioning/workflows"
	"tenant-provisioning/workflows/runner"
)

// Examination makes what the doctor asks, of one section of the settings each, so
// that one that is wrong leaves the others to be looked at.
type Examination struct {
	Log *slog.Logger
	// Plan is what is to run; its pool and place are filled in.
	Plan doctor.Plan

	facts *postgres.Facts
}

// Database looks at the database of a pool. Temporal's settings, where they can be
// read, say whose workers are ours.
func (e *Examination) Database(db config.DB, pool *pgxpool.Pool, t *config.Temporal) ([]doctor.Subject, error) {
	var err error
	if e.facts, err = postgres.NewFacts(pool); err != nil {
		return nil, err
	}
	plan := e.Plan
	plan.Pool = db.MaxConns
	if t != nil {
		queues := runner.QueuesOf(t.TaskQueue)
		plan.Place = tenant.WorkerPlace{Namespace: t.Namespace, TaskQueue: t.TaskQueue, Queues: []string{queues.Main, queues.Stellar, queues.Email}}
	}
	return []doctor.Subject{doctor.ExamineDatabase(e.facts, plan)}, nil
}

// Temporal looks at the namespace of a client.
func (e *Examination) Temporal(t config.Temporal, c client.Client) []doctor.Subject {
	queues := runner.QueuesOf(t.TaskQueue)
	return []doctor.Subject{doctor.ExamineTemporal(temporalclient.Facts{
		Client: c, Required: Namespace(t), Schedules: workflows.ReconcileSchedule,
		MainQueue: queues.Main, OtherQueues: []string{queues.Stellar, queues.Email},
	}, t.Retention, e.Plan.Before)}
}

// Redis looks at what counts requests.
func (e *Examination) Redis(c config.Redis, env config.Environment) []doctor.Subject {
	return []doctor.Subject{doctor.ExamineRedis(redis.NewFacts(redis.Config{
		Addr: c.Addr(), Username: c.Username, Password: c.Password.Reveal(), TLS: c.TLS, RootCAs: c.RootCAs, Timeout: redisPatience,
	}), env == config.Production)}
}

// redisPatience, times what a probe may take, is what a check may.
const redisPatience = doctor.Within / 10

// Ledger looks at the Stellar network; with what the database knows of it, where
// Database came before and its settings are right.
func (e *Examination) Ledger(c config.Soroban) ([]doctor.Subject, error) {
	deployer, err := Ledger(c, nil, e.Log, Metrics{})
	if err != nil {
		return nil, err
	}
	var journal doctor.Journal
	if e.facts != nil {
		journal = e.facts
	}
	return []doctor.Subject{doctor.ExamineLedger(deployer.Facts(), journal, c.Passphrase)}, nil
}

// Mail looks at the server that mails leave by.
func (e *Examination) Mail(c config.Mail) ([]doctor.Subject, error) {
	return examineMail("mail", c.MailServer, "MAIL_", c.From.Address)
}

// BackupMail looks at the one that they leave by when that one cannot; none where
// there is none.
func (e *Examination) BackupMail(c config.Mail) ([]doctor.Subject, error) {
	if c.Backup == nil {
		return nil, nil
	}
	return examineMail("mail-backup", *c.Backup, "MAIL_BACKUP_", c.From.Address)
}

func examineMail(name string, s config.MailServer, prefix, from string) ([]doctor.Subject, error) {
	provider, err := mailServer(s, prefix, name, Metrics{})
	if err != nil {
		return nil, err
	}
	facts, err := mail.NewFacts(provider, from)
	if err != nil {
		return nil, err
	}
	return []doctor.Subject{doctor.ExamineMail(name, facts, prefix)}, nil
}

// Backups looks at where they go, and with the database, where that came before and its
// settings are right, at how old they are.
func (e *Examination) Backups(c config.Backup) []doctor.Subject {
	var store doctor.BackupStore
	if c.URL != "" {
		store = bucket.Facts{Config: bucket.Config{URL: c.URL, AccessKey: c.AccessKey, SecretKey: c.SecretKey.Reveal()}}
	}
	var ages doctor.BackupAges
	if e.facts != nil {
		ages = e.facts
	}
	return []doctor.Subject{doctor.ExamineBackups(store, ages)}
}

// Provider looks at the keys of JWT_JWKS_URL; none where that is not set.
func (e *Examination) Provider(c config.JWT) []doctor.Subject {
	if c.JWKSURL == "" {
		return nil
	}
	return []doctor.Subject{doctor.ExamineProvider(token.Keys{URL: c.JWKSURL, Transport: transport(c.JWKSRootCAs)})}
}

// Certificates are those by which the database and Temporal know us.
func Certificates(cfg *config.Config) ([]doctor.Certificate, error) {
	var found []doctor.Certificate
	if cfg.DB.SSLCert != "" {
		text, err := os.ReadFile(cfg.DB.SSLCert)
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return nil, errors.New("DB_SSLCERT is no certificate in PEM")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, doctor.Certificate{Name: "DB_SSLCERT", Ends: certificate.NotAfter})
	}
	options := cfg.Temporal.ClientOptions()
	if options.ConnectionOptions.TLS == nil {
		return found, nil
	}
	for _, pair := range options.ConnectionOptions.TLS.Certificates {
		certificate, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			return nil, err
		}
		found = append(found, doctor.Certificate{Name: "TEMPORAL_TLS_CLIENT_CERT", Ends: certificate.NotAfter})
	}
	return found, nil
}

// guessed are the secrets that whoever reaches a server can try out.
var guessed = []string{"DB_PASSWORD", "REDIS_PASSWORD", "MAIL_PASSWORD", "MAIL_BACKUP_PASSWORD"}

// Secrets tells what can be told of secrets.
func Secrets(named []config.NamedSecret) []doctor.Secret {
	secrets := make([]doctor.Secret, len(named))
	for i, n := range named {
		value := n.Value.Reveal()
		secrets[i] = doctor.Secret{
			Name: n.Name, Length: len([]rune(value)), Guessed: slices.Contains(guessed, n.Name), Changed: n.Changed, Ends: endOf(value),
		}
		for _, other := range named {
			if other.Name != n.Name && other.Value.Reveal() == value {
				secrets[i].SameAs = append(secrets[i].SameAs, other.Name)
			}
		}
	}
	return secrets
}

// endOf is when a secret that is a token ends, as the API keys of Temporal Cloud
// are; zero for any other.
func endOf(value string) time.Time {
	if strings.Count(value, ".") != 2 {
		return time.Time{}
	}
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(value, &claims); err != nil || claims.ExpiresAt == nil {
		return time.Time{}
	}
	return claims.ExpiresAt.Time
}
