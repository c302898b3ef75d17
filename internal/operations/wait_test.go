package operations_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/tenant"
)

// row is a store of one operation, for tests in which time passes by itself.
type row struct {
	operations.OperationStore
	mu    sync.Mutex
	o     tenant.Operation
	err   error
	looks int
}

func (r *row) Find(context.Context, tenant.OperationID) (tenant.Operation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looks++
	return r.o, r.err
}

// looked is how often the row was read.
func (r *row) looked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.looks
}

// calm has no incident.
type calm struct{ operations.IncidentStore }

func (calm) Open(context.Context) ([]tenant.Incident, error) { return nil, nil }

// open is in no maintenance window.
type open struct{ operations.WindowStore }

func (open) ReadOnly(context.Context) (tenant.Window, error) { return tenant.Window{}, nil }

// roomy has room for everything.
type roomy struct{ operations.CapacityStore }

func (roomy) Short(context.Context) ([]tenant.Capacity, error) { return nil, nil }

func (r *row) set(s tenant.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.o.State = s
}

const waited = tenant.OperationID("01920e6a-7c1e-7b53-9b57-2f4d9b0a0f22")

func waiting(s tenant.State) (*row, *operations.Service) {
	r := &row{o: tenant.Operation{ID: waited, State: s}}
	return r, operations.New(operations.Config{Operations: r, Incidents: calm{}, Windows: open{}, Capacity: roomy{}, Logger: slog.New(slog.DiscardHandler)})
}

// waits runs a wait and tells what it returned, and after how long.
func waits(t *testing.T, s *operations.Service, atMost time.Duration, meanwhile func()) (tenant.State, time.Duration) {
	t.Helper()
	began := time.Now()
	var o tenant.Operation
	var took time.Duration
	var all sync.WaitGroup
	all.Go(func() {
		var err error
		o, err = s.Wait(t.Context(), waited, atMost)
		took = time.Since(began)
		require.NoError(t, err)
	})
	synctest.Wait()
	meanwhile()
	all.Wait()
	return o.State, took
}

func nothing() {}

func TestWhatIsAtRestIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	atRest := map[tenant.State]bool{
		tenant.StateSucceeded: true, tenant.StateRolledBack: true, tenant.StateNeedsAttention: true, tenant.StateRollbackBlocked: true,
	}
	for _, state := range tenant.States() {
		synctest.Test(t, func(t *testing.T) {
			_, s := waiting(state)
			got, took := waits(t, s, 20*time.Second, nothing)
			require.Equal(t, state, got)
			if atRest[state] {
				require.Zero(t, took, "%s", state)
			} else {
				require.Equal(t, 20*time.Second, took, "%s", state)
			}
		})
	}
}

func TestAnAnnouncementEndsTheWaitAtOnce(t *testing.T) {
	t.Parallel()
	for what, id := range map[string]tenant.OperationID{"its own": waited, "that some were missed": ""} {
		synctest.Test(t, func(t *testing.T) {
			r, s := waiting(tenant.StateRunning)
			got, took := waits(t, s, 20*time.Second, func() {
				r.set(tenant.StateSucceeded)
				s.Announce(id, tenant.StateSucceeded)
			})
			require.Equal(t, tenant.StateSucceeded, got, what)
			require.Zero(t, took, what)
		})
	}
}

// TestAMissedAnnouncementIsMadeUpFor within a second; another operation's
// wakes nobody.
func TestAMissedAnnouncementIsMadeUpFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, s := waiting(tenant.StateRunning)
		got, took := waits(t, s, 20*time.Second, func() {
			s.Announce("another", tenant.StateSucceeded)
			synctest.Wait()
			r.set(tenant.StateNeedsAttention)
		})
		require.Equal(t, tenant.StateNeedsAttention, got)
		require.Equal(t, time.Second, took)
	})
}

func TestAnAnnouncementOfNoRestGoesOnWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, s := waiting(tenant.StatePending)
		got, took := waits(t, s, 300*time.Millisecond, func() {
			r.set(tenant.StateRunning)
			s.Announce(waited, tenant.StateRunning)
		})
		require.Equal(t, tenant.StateRunning, got)
		require.Equal(t, 300*time.Millisecond, took)
	})
}

// TestManyWaitAtOnce: one announcement wakes all, and nothing of theirs stays.
func TestManyWaitAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, s := waiting(tenant.StateRunning)
		began := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				o, err := s.Wait(t.Context(), waited, time.Minute)
				require.NoError(t, err)
				require.Equal(t, tenant.StateSucceeded, o.State)
			})
		}
		synctest.Wait()
		r.set(tenant.StateSucceeded)
		s.Announce(waited, tenant.StateSucceeded)
		all.Wait()
		require.Zero(t, time.Since(began))
		s.Announce(waited, tenant.StateSucceeded)
	})
}

// TestManyWaitAtTheCostOfOne: a look a second, and one for those who came while
// there was one.
func TestManyWaitAtTheCostOfOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, s := waiting(tenant.StateRunning)
		var all sync.WaitGroup
		for range 4000 {
			all.Go(func() {
				o, err := s.Wait(t.Context(), waited, time.Minute)
				require.NoError(t, err)
				require.Equal(t, tenant.StateRunning, o.State)
			})
		}
		all.Wait()
		require.LessOrEqual(t, r.looked(), 62)
	})
}

// TestAFloodOfWaitsIsPaced: also where each of them is answered at once, since
// the operation waits for a person.
func TestAFloodOfWaitsIsPaced(t *testing.T) {
	t.Parallel()
	for state, wait := range map[tenant.State]time.Duration{tenant.StateNeedsAttention: time.Minute, tenant.StateRunning: time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			r, s := waiting(state)
			began := time.Now()
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					for range 50 {
						o, err := s.Wait(t.Context(), waited, wait)
						require.NoError(t, err)
						require.Equal(t, state, o.State)
					}
				})
			}
			all.Wait()
			most := int(time.Since(began)/(50*time.Millisecond)) + 1
			require.LessOrEqual(t, r.looked(), most, "%s", state)
		})
	}
}

// TestWhoeverWaitsSeesWhatWasDoneBefore, also where others wait already and
// nothing was announced.
func TestWhoeverWaitsSeesWhatWasDoneBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, s := waiting(tenant.StateRunning)
		var others sync.WaitGroup
		others.Go(func() {
			_, err := s.Wait(t.Context(), waited, time.Minute)
			require.NoError(t, err)
		})
		synctest.Wait()
		<-time.After(300 * time.Millisecond)
		r.set(tenant.StateRollingBack)
		got, _ := waits(t, s, 0, nothing)
		require.Equal(t, tenant.StateRollingBack, got)
		r.set(tenant.StateRolledBack)
		got, took := waits(t, s, 20*time.Second, nothing)
		require.Equal(t, tenant.StateRolledBack, got)
		require.LessOrEqual(t, took, 50*time.Millisecond)
		others.Wait()
	})
}

// TestACallerThatGoesAwayGetsWhatThereIs; one whose time is over is told so.
func TestACallerThatGoesAwayGetsWhatThereIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, s := waiting(tenant.StateRunning)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		o, err := s.Wait(ctx, waited, time.Minute)
		require.NoError(t, err)
		require.Equal(t, tenant.StateRunning, o.State)

		ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = s.Wait(ctx, waited, time.Minute)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestAWaitForNothing(t *testing.T) {
	t.Parallel()
	r, s := waiting("")
	r.err = tenant.ErrNotFound
	_, err := s.Wait(t.Context(), waited, time.Minute)
	require.ErrorIs(t, err, tenant.ErrNotFound)
}

// TestTheDatabaseAnnounces: a wait hears of a change through PostgreSQL.
func TestTheDatabaseAnnounces(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(t)
	b.listen(t, b.service.Announce)
	release := b.outside.hold()
	b.dispatch(t)
	o := b.create(t)
	b.reaches(t, o.ID, tenant.StateRunning)
	release()
	done, err := b.service.Wait(b.ctx, o.ID, patience)
	require.NoError(t, err)
	require.Equal(t, tenant.StateSucceeded, done.State)
}
