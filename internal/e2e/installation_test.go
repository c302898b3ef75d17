package e2e

import (
	"context"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/mail/mailtest"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
)

// installation is one of the product, on its own.
type installation struct {
	t   testing.TB
	env map[string]string // of every process

	db       *pgxpool.Pool // past the product
	config   postgres.Config
	mail     *mailtest.Server
	rpc      *rpcProxy
	ledger   string // URL of the RPC server, past the product
	deployer string // the account that makes contracts

	url   string // of the api
	token string
}

// install makes an installation that is ready, without any process. settings
// come on top of what is usual.
func install(t testing.TB, settings map[string]string) *installation {
	t.Helper()
	return installOn(t, postgrestest.Superuser(t), settings)
}

// installOn is install on another server than the stack's.
func installOn(t testing.TB, server postgres.Config, settings map[string]string) *installation {
	t.Helper()
	pool, db := postgrestest.NewOn(t, server)
	key := keypair.MustRandom()
	i := &installation{
		t: t, db: pool, config: db, mail: mailtest.NewServer(t), rpc: newRPCProxy(t, sharedLedger.url(t)),
		ledger: sharedLedger.url(t), deployer: key.Address(),
	}
	name := db.Database // as unique in Temporal as in PostgreSQL
	port := freePort(t)
	i.url = "http://" + address(port)
	i.env = map[string]string{
		"NODE_ENV": "test", "LOG_LEVEL": "info", "APP_PORT": strconv.Itoa(port), "APP_URL": i.url,
		"JWT_SECRET": strings.Repeat(uuid.NewString(), 2),
		"DB_HOST":    db.Host, "DB_PORT": strconv.Itoa(db.Port), "DB_USERNAME": db.User, "DB_PASSWORD": db.Password,
		"DB_NAME": db.Database, "DB_SSLMODE": db.SSLMode,
		"REDIS_HOST": os.Getenv("REDIS_HOST"), "REDIS_PORT": os.Getenv("REDIS_PORT"),
		"TEMPORAL_ADDRESS": os.Getenv("TEMPORAL_ADDRESS"), "TEMPORAL_NAMESPACE": name, "TEMPORAL_TASK_QUEUE": name,
		"MAIL_TRANSPORT": "sendgrid", "SENDGRID_BASE_URL": i.mail.URL, "MAIL_PASSWORD": mailtest.APIKey,
		"MAIL_FROM":       "Platform <no-reply@platform.example>",
		"SOROBAN_NETWORK": devnet.Passphrase, "SOROBAN_RPC_URL": i.rpc.url, "SOROBAN_CONTRACT_DEPLOYER_SECRET": key.Seed(),
		"METRICS_ADDR": host + ":0", "MAINTENANCE_WINDOW": "off", // a test is as good on the day before one
	}
	maps.Copy(i.env, settings)
	// It may be repeated: an answer that was late has told it that something is away.
	eventually(t, "starter setup has made everything ready", func() bool { return i.starter("setup", "--wait", "1m").wait() == 0 })
	i.token = strings.TrimSpace(i.output("token", "--role", "admin", "--subject", name))
	logs.mustNotShow(t, "a token", i.token)
	t.Cleanup(func() { i.mustNotShowRows(context.WithoutCancel(t.Context())) })
	return i
}

// with is the same installation with other settings for what is started by it.
func (i *installation) with(settings map[string]string) *installation {
	other := *i
	other.env = maps.Clone(i.env)
	maps.Copy(other.env, settings)
	return &other
}

// throughGate leads what is started from now on to a server through a gate.
func (i *installation) throughGate(hostSetting, portSetting string) *gate {
	i.t.Helper()
	port, err := strconv.Atoi(i.env[portSetting])
	require.NoError(i.t, err, portSetting)
	g := newGate(i.t, i.env[hostSetting]+":"+strconv.Itoa(port))
	i.env[hostSetting], i.env[portSetting] = host, strconv.Itoa(g.port)
	return g
}

// throughTemporalGate is throughGate for Temporal.
func (i *installation) throughTemporalGate() *gate {
	i.t.Helper()
	g := newGate(i.t, i.env["TEMPORAL_ADDRESS"])
	i.env["TEMPORAL_ADDRESS"] = g.address()
	return g
}

// starter runs the operator's command line.
func (i *installation) starter(args ...string) *process {
	i.t.Helper()
	return launch(i.t, i.env, binaries.path(i.t, "starter"), args...)
}

// answered is a command that has ended, and was repeated, as people do, while
// what it needs did not answer it in time. What it does must bear that.
func (i *installation) answered(args ...string) *process {
	i.t.Helper()
	return untilAnswered(i.t, "starter "+strings.Join(args, " "), func() *process { return i.starter(args...) })
}

// output is what a command says that must succeed.
func (i *installation) output(args ...string) string {
	i.t.Helper()
	p := i.answered(args...)
	require.Zero(i.t, p.wait(), "starter %v: %s", args, p.stderr.String())
	return p.stdout.String()
}

// startWorker starts a worker; it need not be ready.
func (i *installation) startWorker() *process {
	i.t.Helper()
	return launch(i.t, i.env, binaries.path(i.t, "worker"))
}

// startAPI starts the api and waits until it listens, whatever else is there.
func (i *installation) startAPI() *process {
	i.t.Helper()
	p := launch(i.t, i.env, binaries.path(i.t, "api"))
	eventually(i.t, "the api listens", func() bool {
		require.True(i.t, p.Running(), "the api has ended")
		r, err := i.try(promptly, "GET", "/livez", nil)
		return err == nil && r.status == 200
	})
	return p
}

// start starts an api and a worker.
func (i *installation) start() (api, worker *process) {
	i.t.Helper()
	worker = i.startWorker()
	return i.startAPI(), worker
}

// promptly is what the product promises: an answer within five seconds,
// whatever is away. The rest is for the way there and back on a busy machine.
const promptly = 5*time.Second + 2*time.Second
