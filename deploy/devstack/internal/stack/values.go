package stack

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"strconv"

	"tenant-provisioning/deploy/devstack/internal/environment"
	"tenant-provisioning/deploy/devstack/internal/pgserver"
	"tenant-provisioning/deploy/devstack/internal/port"
	"tenant-provisioning/deploy/devstack/internal/role"
)

const (
	// passphrase is that of every standalone network, so that SDKs know it.
	passphrase = "Standalone Network ; February 2017"
	// name is Temporal's namespace and task queue, as in production.
	name = "tenant-provisioning"
)

// environment is all that api, worker and starter need to run on the stack, and
// what people and tests look at.
func (s *Stack) environment() (environment.Values, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the own executable: %w", err)
	}
	v := environment.Values{
		"NODE_ENV":   "development",
		"APP_PORT":   strconv.Itoa(s.ports.app),
		"APP_URL":    "http://" + port.Address(s.ports.app),
		"JWT_SECRET": s.secrets.JWT,

		"DB_HOST": port.Host, "DB_PORT": strconv.Itoa(s.ports.postgres), "DB_NAME": database,
		"DB_USERNAME": pgserver.User, "DB_PASSWORD": s.secrets.DBPassword, "DB_SSLMODE": "disable",

		"TEMPORAL_NAMESPACE": name, "TEMPORAL_TASK_QUEUE": name,

		"MAIL_PASSWORD": s.secrets.MailKey,
		"MAIL_FROM":     "Tenant Provisioning <no-reply@tenants.example>",

		"SOROBAN_CONTRACT_DEPLOYER_SECRET": s.secrets.Deployer,
		"SOROBAN_CHANNEL_SECRET":           s.secrets.ChannelsSeed,

		"BACKUP_URL":        (&url.URL{Scheme: "file", Path: s.cfg.path("backups")}).String(),
		"BACKUP_RECIPIENTS": s.secrets.Backup.Recipient, "BACKUP_IDENTITY": s.secrets.Backup.Identity,
		"BACKUP_SIGNING_KEY": s.secrets.Backup.SigningKey,

		"METRICS_ADDR": port.Address(s.ports.metrics),
		// By which failure tests start components of their own.
		"DEVSTACK_BIN": self,
	}
	for _, r := range []role.Role{s.temporal(), s.stellar(), s.mail(), &role.Redis{Port: s.ports.redis}} {
		maps.Copy(v, r.Addresses())
	}
	return v, nil
}
