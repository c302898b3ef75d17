package operations_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/temporalclient"
	"tenant-provisioning/internal/temporalclient/temporaltest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows"
	"tenant-provisioning/workflows/runner"
)

// patience is the end of a wait for something that does not come.
const patience = 2 * time.Minute

var (
	operator = tenant.Caller{Client: "console", Actor: "ada"}
	admin    = tenant.Caller{Client: "console", Actor: "grace", Admin: true}
	because  = tenant.ActionRequest{Reason: "ticket 7"}
)

// testBundle is a service on a database and a task queue of its own.
type testBundle struct {
	ctx      context.Context
	pool     *pgxpool.Pool
	temporal client.Client
	config   operations.Config
	service  *operations.Service
	outside  *outside
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	c, namespace := temporaltest.New(t)
	pool := postgrestest.New(t)
	b := &testBundle{ctx: t.Context(), pool: pool, temporal: c, outside: &outside{}}
	b.config = operations.Config{
		Operations: postgres.NewOperations(pool), Tenants: postgres.NewTenants(pool), Audit: postgres.NewAuditLog(pool),
		Findings: postgres.NewFindings(pool), Incidents: postgres.NewIncidents(pool), Windows: postgres.NewWindows(pool), Capacity: postgres.NewCapacities(pool), Workers: postgres.NewWorkers(pool),
		Temporal: c, Namespace: namespace, TaskQueue: "operations-" + strings.ToLower(rand.Text()[:8]),
		RetryBudget: time.Hour, AttentionPeriod: time.Hour, Logger: slog.New(slog.DiscardHandler),
	}
	b.service = patient(b.config)
	return b
}

// patient waits for whoever answers.
func patient(c operations.Config) *operations.Service {
	return operations.Within(c, patience, patience, patience)
}

// briefly is how long a test waits for what does not come.
const briefly = 2 * time.Second

// away is an address at which nothing listens.
const away = "127.0.0.1:9"

func clientOf(t *testing.T, address, namespace string) client.Client {
	t.Helper()
	c, err := temporalclient.New(temporalclient.Config{
		Options: client.Options{HostPort: address, Namespace: namespace}, Identity: temporaltest.Identity, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// outside is the ledger and the mail provider, which are not what is tested
// here.
type outside struct {
	mu        sync.Mutex
	deployErr error
	held      chan struct{}
}

func (o *outside) failDeployments(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.deployErr = err
}

// hold lets deployments wait until release is called.
func (o *outside) hold() (release func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	held := make(chan struct{})
	o.held = held
	return sync.OnceFunc(func() { close(held) })
}

func (o *outside) Deploy(ctx context.Context, f tenant.Fence, _ func(string)) (string, error) {
	o.mu.Lock()
	held, err := o.held, o.deployErr
	o.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return "C" + string(f.Tenant), err
}

func (o *outside) SetStatus(context.Context, tenant.Fence, string, tenant.ContractStatus, func(string)) error {
	return nil
}

func (o *outside) TerminateAll(context.Context, tenant.Fence, string, func(string)) error { return nil }

func (o *outside) Terminate(context.Context, tenant.Fence, func(string)) error { return nil }

func (o *outside) SendEmail(context.Context, tenant.Email, string) (tenant.EmailReceipt, error) {
	return tenant.EmailReceipt{Provider: "test"}, nil
}

func (o *outside) FindEmail(context.Context, tenant.Email) (tenant.EmailReceipt, bool, error) {
	return tenant.EmailReceipt{}, false, nil
}

// work runs workers until stop is called, or the test ends.
func (b *testBundle) work(t *testing.T) (stop func()) {
	t.Helper()
	keys, err := invitation.NewKeys(invitation.Secrets{Kept: postgres.NewInvitations(b.pool).Key})
	require.NoError(t, err)
	schemas, err := postgres.NewSchemas(t.Context(), b.pool)
	require.NoError(t, err)
	t.Cleanup(schemas.Close)
	transitions, incidents := postgres.NewTransitions(b.pool), postgres.NewIncidents(b.pool)
	steps := []any{
		&activities.Schema{Store: schemas, Failures: incidents},
		&activities.Contract{Store: postgres.NewContracts(b.pool), Ledger: b.outside, Failures: incidents},
		&activities.Activation{Store: transitions, Failures: incidents},
		&activities.Email{
			Outbox: postgres.NewEmails(b.pool), Mailer: b.outside, Failures: incidents,
			InvitationKeys: keys, InvitationTTL: time.Hour, AppURL: "https://app.example",
		},
		&activities.Operation{
			Store: transitions, Audit: postgres.NewAuditLog(b.pool), Breaker: incidents, TakesWrites: postgres.NewWriteProbe(b.pool).TakesWrites,
		},
	}
	queues := runner.QueuesOf(b.config.TaskQueue)
	var stops []func()
	for _, queue := range []string{queues.Main, queues.Stellar, queues.Email} {
		w := worker.New(b.temporal, queue, worker.Options{DeadlockDetectionTimeout: time.Minute})
		workflows.Register(w)
		for _, s := range steps {
			w.RegisterActivity(s)
		}
		require.NoError(t, w.Start())
		stops = append(stops, w.Stop)
	}
	b.exec(t, `INSERT INTO workers (id, host, namespace, task_queue, queues, last_seen) VALUES ('w', 'h', $1, $2, $3, now() + interval '1 day')
		ON CONFLICT (id) DO NOTHING`, b.config.Namespace, queues.Main, []string{queues.Main, queues.Stellar, queues.Email})
	stop = sync.OnceFunc(func() {
		for _, s := range stops {
			s()
		}
	})
	t.Cleanup(stop)
	return stop
}

// dispatch runs a dispatcher until the test ends.
func (b *testBundle) dispatch(t *testing.T, change ...func(*operations.DispatcherConfig)) *operations.Dispatcher {
	t.Helper()
	c := operations.DispatcherConfig{Queue: postgres.NewQueue(b.pool), Temporal: b.temporal, TaskQueue: b.config.TaskQueue, Logger: b.config.Logger}
	for _, f := range change {
		f(&c)
	}
	d := operations.NewDispatcher(c)
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.ctx))
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return d
}

var names struct {
	sync.Mutex
	n int
}

// order is a request for a tenant of a new name.
func order() tenant.Spec {
	names.Lock()
	defer names.Unlock()
	names.n++
	return tenant.Spec{
		Name:          fmt.Sprintf("Hospital %d", names.n),
		Administrator: tenant.Administrator{Email: "ada@hospital.example", FirstName: "Ada", LastName: "Lovelace"},
	}
}

func (b *testBundle) create(t *testing.T) tenant.Operation {
	t.Helper()
	o, err := b.service.Create(b.ctx, order(), operator, "")
	require.NoError(t, err)
	return o
}

// beyondTheBudget parks an operation at once: its next attempt would be later
// than any budget lasts. Whatever can succeed has all the time that it needs.
var beyondTheBudget = &tenant.StepError{Reason: "the ledger does not answer", RetryAfter: 24 * time.Hour}

// parked is an operation whose contract cannot be deployed.
func (b *testBundle) parked(t *testing.T) tenant.Operation {
	t.Helper()
	b.outside.failDeployments(beyondTheBudget)
	b.dispatch(t)
	o := b.reaches(t, b.create(t).ID, tenant.StateNeedsAttention)
	require.Equal(t, tenant.StepDeployContract, o.FailedStep)
	return o
}

// reaches waits until an operation has come to rest in a state.
func (b *testBundle) reaches(t *testing.T, id tenant.OperationID, want tenant.State) tenant.Operation {
	t.Helper()
	var o tenant.Operation
	require.Eventually(t, func() bool {
		var err error
		o, err = b.service.Operation(b.ctx, id)
		return err == nil && o.State == want
	}, patience, 20*time.Millisecond, "the operation does not become %s; it is %+v", want, &o)
	return o
}

// receive is what comes next, soon.
func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-from:
		return v
	case <-timer.C:
		require.FailNow(t, "nothing comes")
		panic("unreachable")
	}
}

type audit struct{ Actor, Action, Outcome string }

// audits is the audit log of an operation, without its creation.
func (b *testBundle) audits(t *testing.T, id tenant.OperationID) []audit {
	t.Helper()
	rows, err := b.pool.Query(b.ctx, `SELECT actor, action, outcome FROM audit_log WHERE operation_id = $1 AND action <> 'create' ORDER BY id`, string(id))
	require.NoError(t, err)
	defer rows.Close()
	var all []audit
	for rows.Next() {
		var a audit
		require.NoError(t, rows.Scan(&a.Actor, &a.Action, &a.Outcome))
		all = append(all, a)
	}
	require.NoError(t, rows.Err())
	return all
}

func (b *testBundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.pool.Exec(b.ctx, sql, args...)
	require.NoError(t, err)
}

func (b *testBundle) count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, b.pool.QueryRow(b.ctx, sql, args...).Scan(&n))
	return n
}
