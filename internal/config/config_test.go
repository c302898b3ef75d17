package config_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
)

const (
	jwtSecret  = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	payloadKey = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

var every = config.NeedByAPI | config.NeedByWorker | config.NeedSchedule

// valid is the least that every section together needs.
func valid(extra ...string) []string {
	return append([]string{
		"DB_USERNAME=platform", "DB_PASSWORD=hunter2", "DB_NAME=control",
		"JWT_SECRET=" + jwtSecret,
		"MAIL_HOST=smtp.sendgrid.net", "MAIL_PASSWORD=SG.key", "MAIL_FROM=Platform <no-reply@hospital.test>",
		"SOROBAN_NETWORK=local", "SOROBAN_RPC_URL=http://localhost:8000/rpc",
		"SOROBAN_CONTRACT_DEPLOYER_SECRET=" + validSeed(),
	}, extra...)
}

func load(t *testing.T, needs config.Section, environ ...string) (*config.Config, error) {
	t.Helper()
	// Not nil, which would be the environment of the test.
	return config.Load(config.Options{Environ: append([]string{}, environ...), Dir: t.TempDir()}, needs)
}

func problems(t *testing.T, err error) map[string]string {
	t.Helper()
	var e *config.Error
	require.ErrorAs(t, err, &e)
	found := make(map[string]string, len(e.Problems))
	for _, p := range e.Problems {
		found[p.Name] = p.Message
	}
	return found
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, every, valid()...)
	require.NoError(t, err)

	require.Equal(t, config.Development, cfg.Environment)
	require.Equal(t, config.App{Port: 3000, URL: "http://localhost:3000", TenantURL: "http://localhost:3000"}, cfg.App)
	require.Equal(t, config.DB{
		Host: "localhost", Port: 5432, Username: "platform", Password: config.NewSecret("hunter2"), Name: "control", SSLMode: config.SSLPrefer, MaxConns: 16,
	}, cfg.DB)
	require.Equal(t, "localhost:6379", cfg.Redis.Addr())
	require.Equal(t, 24*time.Hour, cfg.JWT.Expiration)
	require.Equal(t, config.SendGrid, cfg.Mail.Transport)
	require.Equal(t, "https://api.sendgrid.com", cfg.Mail.SendGridURL)
	require.Nil(t, cfg.Mail.Backup)
	require.Equal(t, config.LocalPassphrase, cfg.Soroban.Passphrase)
	require.Equal(t, "localhost:7233", cfg.Temporal.Address)
	require.Equal(t, "tenant-provisioning", cfg.Temporal.Namespace)
	require.Equal(t, "tenant-provisioning", cfg.Temporal.TaskQueue)
	require.Equal(t, config.VersioningOff, cfg.Temporal.Versioning)
	require.Equal(t, 30*time.Minute, cfg.Provisioning.StepRetryBudget)
	require.Equal(t, 72*time.Hour, cfg.Provisioning.AttentionDeadline)
	require.Equal(t, config.RateLimit{Enabled: true, Requests: 100, Window: time.Second, Burst: 100, Waiting: 100, Streams: 2000}, cfg.RateLimit)
	require.Equal(t, slog.LevelInfo, cfg.Log.Level)
}

// TestEveryProblemAtOnce corrects nothing on the way: all sections report.
func TestEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	_, err := load(t, every,
		"NODE_ENV=prod", "LOG_LEVEL=loud", "NOTIFY_WEBHOOK=hunter2", "APP_PORT=0", "APP_URL=hospital.test", "DB_HOST=postgres://platform:hunter2@db", "DB_PORT=99999",
		"DB_SSLMODE=maybe", "DB_MAX_CONNS=lots", "REDIS_TLS=perhaps", "REDIS_USERNAME=limits", "JWT_SECRET=tooshort", "JWT_EXPIRATION=soon",
		"MAIL_TRANSPORT=pigeon", "MAIL_FROM=nobody", "SOROBAN_NETWORK=tesnet", "SOROBAN_SECRET=SABC", "SOROBAN_MAX_FEE=1 XLM", "SOROBAN_RPC_URL=rpc://rpc.test/?key=hunter3",
		"TEMPORAL_ADDRESS=temporal", "TEMPORAL_TLS=yes", "TEMPORAL_WORKER_VERSIONING=sometimes", "PAYLOAD_KEYS=k1",
		"STEP_RETRY_BUDGET=0", "ATTENTION_DEADLINE=-1h", "RATE_LIMIT_REQUESTS=0", "METRICS_ADDR=9464")
	found := problems(t, err)
	for _, name := range []string{
		"NODE_ENV (or APP_ENV)", "LOG_LEVEL", "NOTIFY_WEBHOOK", "APP_PORT", "APP_URL", "DB_HOST", "DB_PORT", "DB_USERNAME (or DB_USER)", "DB_NAME",
		"DB_SSLMODE", "DB_MAX_CONNS", "REDIS_TLS", "REDIS_PASSWORD", "JWT_SECRET", "JWT_EXPIRATION", "MAIL_TRANSPORT", "MAIL_FROM",
		"SOROBAN_NETWORK", "SOROBAN_RPC_URL", "SOROBAN_CONTRACT_DEPLOYER_SECRET (or SOROBAN_SECRET)", "SOROBAN_MAX_FEE",
		"TEMPORAL_ADDRESS", "TEMPORAL_TLS", "TEMPORAL_WORKER_VERSIONING", "PAYLOAD_KEYS",
		"STEP_RETRY_BUDGET", "ATTENTION_DEADLINE", "RATE_LIMIT_REQUESTS", "METRICS_ADDR",
	} {
		require.Contains(t, found, name)
		require.Contains(t, found[name], "expected", name)
		require.Contains(t, err.Error(), "\n  "+name+": ")
		delete(found, name)
	}
	require.Empty(t, found, "nothing else is wrong")
	for _, secret := range []string{"tooshort", "SABC", "hunter2", "hunter3"} {
		require.NotContains(t, err.Error(), secret)
	}
}

func TestOnlyTheSectionsAskedForAreChecked(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, config.NeedJWT, "JWT_SECRET="+jwtSecret, "DB_PORT=none", "SOROBAN_NETWORK=x")
	require.NoError(t, err)
	require.Equal(t, jwtSecret, cfg.JWT.Secret.Reveal())
	require.Zero(t, cfg.DB)

	_, err = load(t, config.NeedJWT|config.NeedDB, "JWT_SECRET="+jwtSecret, "DB_PORT=none")
	require.Contains(t, problems(t, err), "DB_PORT")
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	password := write("password", "from file\n")
	write(".env", "DB_USERNAME=dotenv\nDB_NAME='dot env'\nDB_PORT=1111\nDB_PASSWORD=dotenv\nREDIS_HOST=cache\n")

	cfg, err := config.Load(config.Options{Dir: dir, Environ: []string{
		"DB_USER=process", "DB_PORT=2222", "DB_PASSWORD_FILE=" + password, "REDIS_HOST=",
	}}, config.NeedDB|config.NeedRedis)
	require.NoError(t, err)
	require.Equal(t, "process", cfg.DB.Username, "an alias in the environment goes before the name in .env")
	require.Equal(t, "dot env", cfg.DB.Name)
	require.Equal(t, 2222, cfg.DB.Port)
	require.Equal(t, "from file", cfg.DB.Password.Reveal(), "a file named in the environment goes before .env")
	require.Equal(t, "cache", cfg.Redis.Host, "set to nothing is not set")
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	closed := filepath.Join(dir, "closed")
	require.NoError(t, os.WriteFile(closed, []byte(jwtSecret), 0))
	refusal := "permission denied"
	if os.Geteuid() == 0 { // for whom no file is closed, but this one cannot be read
		closed, refusal = "/proc/self/mem", "input/output error"
	}
	for name, tt := range map[string]struct{ path, want string }{
		"absent":     {dir + "/absent", "no such file"},
		"empty":      {empty, "is empty"},
		"dir":        {dir, "is a directory"},
		"unreadable": {closed, refusal},
		"endless":    {"/dev/zero", "is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, config.NeedJWT, "JWT_SECRET_FILE="+tt.path)
			require.Contains(t, problems(t, err)["JWT_SECRET"], tt.want)
			require.Contains(t, err.Error(), tt.path, "which file it is")
		})
	}
}

// TestNoSettingIsSetTwice: as NAME and as NAME_FILE, which would leave it to chance
// whose change counts.
func TestNoSettingIsSetTwice(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "value")
	require.NoError(t, os.WriteFile(file, []byte(jwtSecret), 0o600))
	for _, s := range catalogue {
		if strings.HasSuffix(s.Name, "*") {
			continue
		}
		_, err := load(t, every, valid("OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318", s.Name+"="+payloadKey, s.Name+"_FILE="+file)...)
		require.ErrorContains(t, err, s.Name+" and "+s.Name+"_FILE are both set; expected one of them")
		require.NotContains(t, err.Error(), payloadKey)
		require.NotContains(t, err.Error(), jwtSecret)
	}
}

func TestUnreadableDotenv(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte("A=1\n\nB 2\n"), 0o600))
	_, err := config.Load(config.Options{Dir: dir, Environ: []string{}}, config.NeedJWT)
	require.ErrorContains(t, err, ".env")
	require.ErrorContains(t, err, "line 3 is neither NAME=value nor a comment")
}

func TestMail(t *testing.T) {
	t.Parallel()
	from := "MAIL_FROM=no-reply@hospital.test"

	cfg, err := load(t, config.NeedMail, from, "MAIL_HOST=mail.hospital.test", "MAIL_PORT=2525",
		"MAIL_BACKUP_TRANSPORT=SendGrid", "MAIL_BACKUP_PASSWORD=SG.other", "SENDGRID_BASE_URL=http://localhost:8025/")
	require.NoError(t, err)
	require.Equal(t, config.SMTP, cfg.Mail.Transport)
	require.Equal(t, 2525, cfg.Mail.Port)
	require.Equal(t, config.SendGrid, cfg.Mail.Backup.Transport)
	require.Equal(t, "http://localhost:8025", cfg.Mail.Backup.SendGridURL)

	for text, want := range map[string]string{
		"worker.hospital.test": "worker.hospital.test", "wörker.test": "xn--wrker-jua.test", "10.0.0.7": "[10.0.0.7]", "[10.0.0.7]": "[10.0.0.7]",
		"::1": "[IPv6:::1]", "[IPv6:2001:db8::7]": "[IPv6:2001:db8::7]", "": "",
	} {
		cfg, err = load(t, config.NeedMail, from, "MAIL_HOST=a.test", "MAIL_HELO="+text, "MAIL_BACKUP_HOST=b.test")
		require.NoError(t, err, text)
		require.Equal(t, want, cfg.Mail.Helo)
		require.Equal(t, want, cfg.Mail.Backup.Helo, "the same machine greets both")
	}
	for _, text := range []string{"localhost", "worker", "localhost.localdomain", "work_er.test", "worker.test:25", "worker.test.", "a b.test", "fe80::1%eth0"} {
		_, err = load(t, config.NeedMail, from, "MAIL_HOST=a.test", "MAIL_HELO="+text)
		require.Contains(t, problems(t, err), "MAIL_HELO", text)
	}

	_, err = load(t, config.NeedMail, from)
	require.Contains(t, problems(t, err)["MAIL_HOST"], "or MAIL_TRANSPORT=sendgrid")

	_, err = load(t, config.NeedMail, from, "MAIL_HOST=smtp.sendgrid.net", "MAIL_BACKUP_USER=forgot")
	require.Contains(t, problems(t, err)["MAIL_PASSWORD"], "the SendGrid API key")
	require.Contains(t, problems(t, err), "MAIL_BACKUP_HOST")
}

// TestAddressesInSettingsCanBeSent, by the rule that addresses of tenants have.
func TestAddressesInSettingsCanBeSent(t *testing.T) {
	t.Parallel()
	needs := config.NeedMail | config.NeedApp
	relay := "MAIL_HOST=relay.hospital.test"
	cfg, err := load(t, needs, relay, "MAIL_FROM=Klinik <no-reply@ab--cd.test>", "NOTIFY_EMAIL=oncall@krankenhäuser.test, Ada <ada@3m.test>")
	require.NoError(t, err)
	require.Equal(t, "no-reply@ab--cd.test", cfg.Mail.From.Address)
	require.Len(t, cfg.App.NotifyEmail, 2)
	for _, address := range []string{
		"no-reply\u200b@hospital.test", "no-reply@hospital\u00a0.test", "nö@hospital.test", "root@localhost", "no-reply@hospital.test.",
		"no-reply@hospital_1.test", "no-reply@[127.0.0.1]", `"no reply"@hospital.test`,
	} {
		_, err := load(t, needs, relay, "MAIL_FROM=Platform <"+address+">", "NOTIFY_EMAIL=oncall@hospital.test, "+address)
		require.Contains(t, problems(t, err)["MAIL_FROM"], "ASCII before the @", "%q", address)
		require.Contains(t, problems(t, err)["NOTIFY_EMAIL"], "ASCII before the @", "%q", address)
	}
	_, err = load(t, needs, relay, "MAIL_FROM=no-reply\u200b@hospital.test")
	require.Contains(t, problems(t, err)["MAIL_FROM"], `\u200b`, "it can be seen")
}

// TestMailForNotices is read where somebody is to be told, and missed by nobody
// who tells nobody.
func TestMailForNotices(t *testing.T) {
	t.Parallel()
	const notices = config.NeedApp | config.NeedNotices
	for _, environ := range [][]string{
		nil, {"MAIL_FROM=no-reply@hospital.test"}, {"NOTIFY_EMAIL=ada@hospital.test"}, {"NOTIFY_EMAIL=ada@hospital.test", "MAIL_HOST=relay.hospital.test"},
	} {
		cfg, err := load(t, notices, environ...)
		require.NoError(t, err, environ)
		require.Empty(t, cfg.Mail.From.Address)
	}
	cfg, err := load(t, notices, "NOTIFY_EMAIL=ada@hospital.test", "MAIL_FROM=no-reply@hospital.test", "MAIL_HOST=relay.hospital.test")
	require.NoError(t, err)
	require.Equal(t, "relay.hospital.test", cfg.Mail.Host)
	_, err = load(t, notices, "NOTIFY_EMAIL=ada@hospital.test", "MAIL_FROM=no-reply@hospital.test")
	require.Contains(t, problems(t, err), "MAIL_HOST")
}

func TestSoroban(t *testing.T) {
	t.Parallel()
	secret := "SOROBAN_SECRET=" + validSeed()
	for network, passphrase := range map[string]string{
		"public":                "Public Global Stellar Network ; September 2015",
		"testnet":               "Test SDF Network ; September 2015",
		"local":                 config.LocalPassphrase,
		"Our own; network 2026": "Our own; network 2026",
	} {
		cfg, err := load(t, config.NeedSoroban, secret, "SOROBAN_NETWORK="+network, "SOROBAN_RPC_URL=https://rpc.test/v1?key=a")
		require.NoError(t, err, network)
		require.Equal(t, passphrase, cfg.Soroban.Passphrase)
		require.Equal(t, "https://rpc.test/v1?key=a", cfg.Soroban.RPCURL)
	}
	cfg, err := load(t, config.NeedSoroban, secret, "SOROBAN_NETWORK=testnet")
	require.NoError(t, err)
	require.Equal(t, "https://soroban-testnet.stellar.org", cfg.Soroban.RPCURL)

	_, err = load(t, config.NeedSoroban, secret, "SOROBAN_NETWORK=public")
	require.Contains(t, problems(t, err), "SOROBAN_RPC_URL", "nobody offers one for free")
}

func TestAnAgentIsNamedByItsSocketAndAccount(t *testing.T) {
	t.Parallel()
	const account = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"
	signer := func(value string, more ...string) (*config.Config, error) {
		return load(t, config.NeedSoroban, append(more, "SOROBAN_SECRET="+validSeed(), "SOROBAN_NETWORK=testnet", "SOROBAN_ADMIN_SIGNER="+value)...)
	}
	cfg, err := signer("ssh-agent:///run/agent.sock?account=" + account)
	require.NoError(t, err)
	require.Equal(t, config.SSHAgent{Socket: "/run/agent.sock", Account: account}, cfg.Soroban.AdminSigner)
	for _, wrong := range []string{
		"/run/agent.sock", "ssh-agent:///run/agent.sock", "ssh-agent:///?account=" + account, "ssh-agent://run/agent.sock?account=" + account,
		"ssh-agent:///run/agent.sock?account=" + validSeed(), "vault:///run/agent.sock?account=" + account,
	} {
		_, err := signer(wrong)
		require.Contains(t, problems(t, err), "SOROBAN_ADMIN_SIGNER", wrong)
		require.NotContains(t, err.Error(), validSeed())
	}
	_, err = signer("ssh-agent:///run/agent.sock?account="+account, "SOROBAN_ADMIN_SECRET="+validSeed())
	require.Contains(t, problems(t, err), "SOROBAN_ADMIN_SIGNER", "two administrators")
}

func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, every, valid("PAYLOAD_KEYS="+payloadKey, "REDIS_PASSWORD=hunter3", "NOTIFY_WEBHOOK=https://hooks.test/hunter5", "TEMPORAL_API_KEY=hunter4")...)
	require.NoError(t, err)
	encoded, err := json.Marshal(cfg)
	require.NoError(t, err)
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("starting", "config", cfg, "secret", cfg.DB.Password)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("starting", "config", *cfg)

	hidden := struct{ inner config.Secret }{cfg.DB.Password}
	for _, shown := range []string{
		string(encoded), logged.String(),
		fmt.Sprint(cfg, cfg.DB), fmt.Sprintf("%v %+v %#v %s %q %x %d", cfg, *cfg, cfg.DB, cfg.DB.Password, cfg.DB.Password, cfg.DB.Password, cfg.DB.Password),
		fmt.Sprintf("%v %+v %#v", hidden, hidden, hidden),
	} {
		for _, secret := range []string{"hunter2", "hunter3", "hunter4", "hunter5", jwtSecret, validSeed(), "SG.key", "68756e74657232", "\x01\x02\x03"} {
			require.NotContains(t, shown, secret)
		}
	}
	require.Contains(t, string(encoded), "[redacted]")
}

func TestRoleClaimIsANameOrAPath(t *testing.T) {
	t.Parallel()
	for _, claim := range []string{"roles", "realm_access.roles", "resource_access.my-app.roles", "https://x.example/roles"} {
		cfg, err := load(t, config.NeedJWT, "JWT_SECRET="+jwtSecret, "JWT_ROLE_CLAIM="+claim)
		require.NoError(t, err)
		require.Equal(t, claim, cfg.JWT.RoleClaim)
	}
	for _, claim := range []string{".", ".roles", "realm_access.", "a\nb", "  "} {
		_, err := load(t, config.NeedJWT, "JWT_SECRET="+jwtSecret, "JWT_ROLE_CLAIM="+claim)
		require.Contains(t, problems(t, err), "JWT_ROLE_CLAIM")
	}
}

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, config.NeedApp, "TRUSTED_PROXIES= 10.0.0.0/8,192.0.2.7 , fd00::/8, ::1,::ffff:10.1.2.0/120, 172.16.5.4/12")
	require.NoError(t, err)
	got := make([]string, len(cfg.App.TrustedProxies))
	for i, p := range cfg.App.TrustedProxies {
		got[i] = p.String()
	}
	require.Equal(t, []string{"10.0.0.0/8", "192.0.2.7/32", "fd00::/8", "::1/128", "10.1.2.0/24", "172.16.0.0/12"}, got)
	for _, wrong := range []string{"10.0.0.0/33", "10.0.0", "proxy.local", "10.0.0.0/8;::1", "10.0.0.0/8,", "*", "0.0.0.0/0", "::/0", "10.0.0.1, 0.0.0.0/0", "fe80::1%eth0", "10.0.0.0-10.0.0.9"} {
		_, err := load(t, config.NeedApp, "TRUSTED_PROXIES="+wrong)
		require.Contains(t, problems(t, err), "TRUSTED_PROXIES", wrong)
	}
}

// TestSecretsOfLinks: the worker needs none, and takes no weak one, nor the one
// that signs tokens.
func TestSecretsOfLinks(t *testing.T) {
	t.Parallel()
	const first, second = "3f1a8c5e9d7b2046af8e1c3d5b7092a4", "b7092a43f1a8c5e9d7b2046af8e1c3d5"
	secrets := func(environ ...string) []string {
		t.Helper()
		cfg, err := load(t, config.NeedInvitation, environ...)
		require.NoError(t, err)
		var all []string
		for _, s := range cfg.Invitation.Secrets {
			all = append(all, s.Reveal())
		}
		return all
	}
	require.Empty(t, secrets())
	require.Equal(t, []string{first}, secrets("INVITATION_SECRET="+first))
	require.Equal(t, []string{second, first}, secrets("INVITATION_SECRET="+second+", "+first))
	for name, tt := range map[string]struct{ set, environment string }{
		"short":             {first[1:], "development"},
		"a short one":       {first + ",short", "development"},
		"an empty one":      {first + ",", "development"},
		"one twice":         {first + "," + first, "development"},
		"that of tokens":    {jwtSecret, "development"},
		"among others":      {first + "," + jwtSecret, "development"},
		"repetitive":        {strings.Repeat("abc", 20), "production"},
		"the demo's":        {config.DemoMark + first, "production"},
		"a repetitive last": {first + "," + strings.Repeat("abc", 20), "production"},
	} {
		_, err := load(t, config.NeedInvitation, "JWT_SECRET="+jwtSecret, "NODE_ENV="+tt.environment, "INVITATION_SECRET="+tt.set)
		found := problems(t, err)
		require.Len(t, found, 1, name)
		require.Contains(t, found, "INVITATION_SECRET", name)
		require.NotContains(t, err.Error(), tt.set)
	}
	_, err := load(t, config.NeedByWorker, append(production(), "JWT_SECRET=")...)
	require.NoError(t, err, "a worker needs no JWT_SECRET")
	_, err = load(t, every, append(valid(), "JWT_SECRET=short")...)
	var all *config.Error
	require.ErrorAs(t, err, &all)
	require.Len(t, all.Problems, 1, "what two sections read is wrong once")
}

const (
	backupRecipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
	backupSigning   = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

// TestBackup: a store alone is none; what is wrong is told by name and, of a secret, not
// shown.
func TestBackup(t *testing.T) {
	t.Parallel()
	whole := []string{"BACKUP_URL=s3://bucket/here?endpoint=http://127.0.0.1:7070", "BACKUP_RECIPIENTS=" + backupRecipient + ", " + backupRecipient, "BACKUP_SIGNING_KEY=" + backupSigning}
	cfg, err := load(t, config.NeedBackup, whole...)
	require.NoError(t, err)
	require.Len(t, cfg.Backup.Recipients, 2)
	cfg, err = load(t, config.NeedBackup)
	require.NoError(t, err)
	require.Empty(t, cfg.Backup.URL)
	_, err = load(t, config.NeedBackup, "BACKUP_URL=file:///backups")
	require.Contains(t, problems(t, err)["BACKUP_RECIPIENTS"], "missing")
	require.Contains(t, problems(t, err)["BACKUP_SIGNING_KEY"], "missing")
	for _, wrong := range []string{
		"BACKUP_URL=backups", "BACKUP_URL=file://backups", "BACKUP_URL=file:///backups?a=b", "BACKUP_URL=gs://bucket", "BACKUP_URL=s3://user:password@bucket",
		"BACKUP_RECIPIENTS=age1", "BACKUP_IDENTITY=secret-of-mine", "BACKUP_SIGNING_KEY=secret-of-mine", "BACKUP_VERIFY_KEYS=AAAA", "BACKUP_ACCESS_KEY=alone",
	} {
		name, _, _ := strings.Cut(wrong, "=")
		_, err := load(t, config.NeedBackup, append(whole, wrong)...)
		require.Contains(t, problems(t, err), name, wrong)
		require.NotContains(t, err.Error(), "secret-of-mine")
	}
	cfg, err = load(t, config.NeedSchedule, "BACKUP_SCHEDULE=23:59")
	require.NoError(t, err)
	require.Equal(t, config.BackupSchedule{Hour: 23, Minute: 59}, cfg.BackupSchedule)
	_, err = load(t, config.NeedSchedule, "BACKUP_SCHEDULE=24:00")
	require.Contains(t, problems(t, err), "BACKUP_SCHEDULE")
}
