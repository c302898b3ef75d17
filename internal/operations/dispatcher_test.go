package operations_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/temporalclient/temporaltest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/runner"
)

// listen passes on what PostgreSQL announces, until the test ends.
func (b *testBundle) listen(t *testing.T, changed func(tenant.OperationID, tenant.State)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.ctx))
	listening := make(chan struct{})
	once := sync.OnceFunc(func() { close(listening) })
	var running sync.WaitGroup
	running.Go(func() {
		postgres.Listen(ctx, b.pool, b.config.Logger, func(id tenant.OperationID, s tenant.State) {
			once()
			changed(id, s)
		})
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	<-listening
}

func TestWhatWaitsIsStarted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	before := b.create(t)
	d := b.dispatch(t)
	b.dispatch(t) // a second worker shares the rows
	b.listen(t, d.Announce)
	ids := []tenant.OperationID{before.ID}
	for range 20 {
		ids = append(ids, b.create(t).ID)
	}
	for _, id := range ids {
		o := b.reaches(t, id, tenant.StateSucceeded)
		run, err := b.temporal.DescribeWorkflowExecution(b.ctx, o.WorkflowID(), "")
		require.NoError(t, err)
		require.Equal(t, o.RunID, run.GetWorkflowExecutionInfo().GetExecution().GetRunId())
		require.Equal(t, run.GetWorkflowExecutionInfo().GetFirstRunId(), o.RunID, "there was no other")
	}
	require.Equal(t, len(ids), b.count(t, `SELECT count(*) FROM emails WHERE state = 'SENT'`))
}

// TestARunThatIsThereIsNotStartedAgain: the answer of an earlier start was
// lost, or its lease has ended.
func TestARunThatIsThereIsNotStartedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t)
	run, err := b.temporal.ExecuteWorkflow(b.ctx, client.StartWorkflowOptions{
		ID: o.WorkflowID(), TaskQueue: b.config.TaskQueue,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
	}, "ProvisionTenant", runner.Input{
		Tenant: o.TenantID, Operation: o.ID, Generation: 1, RetryBudget: time.Minute, AttentionPeriod: time.Hour, Queues: runner.QueuesOf(b.config.TaskQueue),
	})
	require.NoError(t, err)
	taken := make(chan struct{})
	b.dispatch(t, func(c *operations.DispatcherConfig) {
		c.Queue = &watchedQueue{Queue: postgres.NewQueue(b.pool), taken: sync.OnceFunc(func() { close(taken) })}
	})
	receive(t, taken)
	b.work(t)
	done := b.reaches(t, o.ID, tenant.StateSucceeded)
	require.Equal(t, run.GetRunID(), done.RunID)
}

// watchedQueue tells when something was taken, and what was given back.
type watchedQueue struct {
	operations.Queue
	taken    func()
	released func(time.Duration)
}

func (q *watchedQueue) Take(ctx context.Context, limit int, most tenant.Bounds, lease time.Duration) ([]tenant.Operation, error) {
	taken, err := q.Queue.Take(ctx, limit, most, lease)
	if len(taken) > 0 && q.taken != nil {
		q.taken()
	}
	return taken, err
}

func (q *watchedQueue) Release(ctx context.Context, id tenant.OperationID, delay time.Duration) error {
	err := q.Queue.Release(ctx, id, delay)
	if q.released != nil {
		q.released(delay)
	}
	return err
}

// TestTemporalGoesAwayAndComesBack: meanwhile what waits is accepted, taken
// and given back, so that whoever reaches Temporal first can start it.
func TestTemporalGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, namespace := temporaltest.New(t)
	door := newDoor(t, temporaltest.Address(t))
	released := make(chan time.Duration, 100)
	b.dispatch(t, func(c *operations.DispatcherConfig) {
		c.Temporal = clientOf(t, door.address, namespace)
		c.Queue = &watchedQueue{Queue: postgres.NewQueue(b.pool), released: func(d time.Duration) { released <- d }}
	})
	b.work(t)
	o := b.create(t)
	require.Positive(t, receive(t, released))
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM operations WHERE state = 'PENDING'`))
	require.Eventually(t, func() bool { // but while it is taken once more
		return b.count(t, `SELECT count(*) FROM operations WHERE dispatch_after < now() + interval '5 seconds'`) == 1
	}, patience, 20*time.Millisecond, "the lease does not hold it up")
	door.open()
	b.reaches(t, o.ID, tenant.StateSucceeded)
}

// door is a way to the server that can be shut.
type door struct {
	address string
	target  string
	mu      sync.Mutex
	isOpen  bool
}

// newDoor makes a door that is shut.
func newDoor(t *testing.T, target string) *door {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := &door{address: l.Addr().String(), target: target}
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go d.pass(conn)
		}
	}()
	return d
}

func (d *door) open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.isOpen = true
}

func (d *door) pass(conn net.Conn) {
	defer conn.Close()
	d.mu.Lock()
	isOpen := d.isOpen
	d.mu.Unlock()
	if !isOpen {
		return
	}
	var dialer net.Dialer
	server, err := dialer.DialContext(context.Background(), "tcp", d.target)
	if err != nil {
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{server, conn}, {conn, server}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // it ends when either side does
			done <- struct{}{}
		}()
	}
	<-done
}

// TestNoMoreAreStartedThanThereIsRoomFor: the rest waits in its rows.
func TestNoMoreAreStartedThanThereIsRoomFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	release := b.outside.hold()
	defer release()
	var ids []tenant.OperationID
	for range 4 {
		ids = append(ids, b.create(t).ID)
	}
	looked := make(chan int, 1000)
	d := b.dispatch(t, func(c *operations.DispatcherConfig) {
		c.MaxRunning = 2
		c.Queue = &countingQueue{Queue: postgres.NewQueue(b.pool), looked: looked}
	})
	started := 0
	for started < 2 {
		started += receive(t, looked)
	}
	for _, id := range ids[:2] {
		b.reaches(t, id, tenant.StateRunning)
	}
	for len(looked) > 0 { // where the machine is slow: both were taken again before they ran
		<-looked
	}
	for range 3 { // it is woken, looks, and finds no room
		d.Announce("", tenant.StatePending)
		require.Zero(t, receive(t, looked))
	}
	require.Equal(t, 2, b.count(t, `SELECT count(*) FROM operations WHERE state = 'PENDING'`))
	b.listen(t, d.Announce)
	release()
	for _, id := range ids {
		b.reaches(t, id, tenant.StateSucceeded)
	}
}

// TestNoMoreAreStartedThanAreClaimed: runs that nobody works at take up room as
// well, until their lease ends.
func TestNoMoreAreStartedThanAreClaimed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 4 {
		b.create(t)
	}
	looked := make(chan int, 1000)
	d := b.dispatch(t, func(c *operations.DispatcherConfig) {
		c.MaxRunning = 2
		c.Queue = leasing{&countingQueue{Queue: postgres.NewQueue(b.pool), looked: looked}}
	})
	require.Equal(t, 2, receive(t, looked))
	for range 3 {
		d.Announce("", tenant.StatePending)
		require.Zero(t, receive(t, looked))
	}
	b.exec(t, `UPDATE operations SET dispatch_after = now() WHERE dispatch_after > now()`)
	taken := 0
	for range 3 {
		d.Announce("", tenant.StatePending)
		taken += receive(t, looked)
	}
	require.Equal(t, 2, taken)
}

// TestContractsOfReadyTenantsGoFirst: no more schemas are made than the channel
// accounts can follow, and nothing else waits for that.
func TestContractsOfReadyTenantsGoFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const ahead = 2
	b.work(t)
	looked := make(chan int, 1000)
	d := b.dispatch(t, func(c *operations.DispatcherConfig) {
		c.MaxAhead = ahead
		c.Queue = &countingQueue{Queue: postgres.NewQueue(b.pool), looked: looked}
	})
	active := b.reaches(t, b.create(t).ID, tenant.StateSucceeded).TenantID

	release := b.outside.hold()
	defer release()
	var ids []tenant.OperationID
	for range 5 {
		ids = append(ids, b.create(t).ID)
	}
	d.Announce("", tenant.StatePending)
	for _, id := range ids[:ahead] {
		b.reaches(t, id, tenant.StateRunning)
	}
	for range 3 { // it is woken, and looks at what waits
		for len(looked) > 0 {
			<-looked
		}
		d.Announce("", tenant.StatePending)
		receive(t, looked)
	}
	require.Equal(t, len(ids)-ahead, b.count(t, `SELECT count(*) FROM operations WHERE state = 'PENDING'`), "they wait in their rows")

	invite, err := b.service.Submit(b.ctx, tenant.Request{Kind: tenant.KindInvite, Tenant: active, Reason: "ticket 7"}, operator)
	require.NoError(t, err)
	d.Announce(invite.ID, tenant.StatePending)
	b.reaches(t, invite.ID, tenant.StateSucceeded)

	b.listen(t, d.Announce)
	release()
	for _, id := range ids {
		b.reaches(t, id, tenant.StateSucceeded)
	}
	require.LessOrEqual(t, b.count(t, `
		SELECT max(ready)::int FROM (
			SELECT sum(CASE step WHEN 'CREATE_SCHEMA' THEN 1 ELSE -1 END) OVER (ORDER BY id) AS ready FROM provisioning_logs
			WHERE status = 'COMPLETED' AND step IN ('CREATE_SCHEMA', 'STORE_CONTRACT_ADDRESS')) l`), ahead,
		"no schema is made before a contract of those that are ready")
}

// leasing holds what was taken, until the test says that it is over: the lease
// of the product ends by itself, and so does a start that takes too long.
type leasing struct{ operations.Queue }

func (q leasing) Take(ctx context.Context, limit int, most tenant.Bounds, _ time.Duration) ([]tenant.Operation, error) {
	return q.Queue.Take(ctx, limit, most, time.Hour)
}

func (q leasing) Release(context.Context, tenant.OperationID, time.Duration) error { return nil }

// countingQueue tells how many were taken each time.
type countingQueue struct {
	operations.Queue
	looked chan<- int
}

func (q *countingQueue) Take(ctx context.Context, limit int, most tenant.Bounds, lease time.Duration) ([]tenant.Operation, error) {
	taken, err := q.Queue.Take(ctx, limit, most, lease)
	q.looked <- len(taken)
	return taken, err
}

// TestTheDatabaseGoesAwayAndComesBack: the dispatcher goes on looking.
func TestTheDatabaseGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	o := b.create(t)
	q := &brokenQueue{Queue: postgres.NewQueue(b.pool), failures: 2, looked: make(chan struct{}, 1000)}
	d := b.dispatch(t, func(c *operations.DispatcherConfig) { c.Queue = q })
	for range 2 {
		receive(t, q.looked)
		d.Announce(o.ID, tenant.StatePending)
	}
	b.reaches(t, o.ID, tenant.StateSucceeded)
}

type brokenQueue struct {
	operations.Queue
	failures int
	looked   chan struct{}
}

func (q *brokenQueue) Take(ctx context.Context, limit int, most tenant.Bounds, lease time.Duration) ([]tenant.Operation, error) {
	defer func() { q.looked <- struct{}{} }()
	if q.failures--; q.failures >= 0 {
		return nil, errors.New("the database does not answer")
	}
	return q.Queue.Take(ctx, limit, most, lease)
}

// TestARolledBackTenantMayBeRunAgain: its run closed as failed, so another of
// the same workflow id is started; that of a succeeded one is not.
func TestARolledBackTenantMayBeRunAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	o := b.parked(t)
	_, err := b.service.Act(b.ctx, o.ID, tenant.ActionRollback, because, operator)
	require.NoError(t, err)
	rolledBack := b.reaches(t, o.ID, tenant.StateRolledBack)
	run := b.temporal.GetWorkflow(b.ctx, o.WorkflowID(), rolledBack.RunID)
	require.Error(t, run.Get(b.ctx, nil))
	b.outside.failDeployments(nil)

	// The next generation, as re-provisioning accepts it.
	next, err := tenant.NewOperationID()
	require.NoError(t, err)
	b.exec(t, `UPDATE tenants SET status = 'PENDING', generation = 2 WHERE id = $1`, string(o.TenantID))
	b.exec(t, `INSERT INTO operations (id, tenant_id, kind, state, generation, client, retry_budget, attention_period)
		VALUES ($1, $2, 'provision', 'PENDING', 2, 'console', '1h', '1h')`, string(next), string(o.TenantID))
	again := b.reaches(t, next, tenant.StateSucceeded)
	require.NotEqual(t, rolledBack.RunID, again.RunID)
	require.Equal(t, 2, again.Generation)
}
