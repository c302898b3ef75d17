package tenant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

var place = tenant.WorkerPlace{Namespace: "n", TaskQueue: "q", Queues: []string{"q", "q-stellar", "q-email"}}

// aWorker polls everything and was seen a moment ago.
func aWorker(change ...func(*tenant.Worker)) tenant.Worker {
	w := tenant.Worker{
		ID: "w", Host: "worker-0", Namespace: "n", TaskQueue: "q", Queues: place.Queues,
		Silence: time.Second, Age: time.Hour, LastSeen: now.Add(-time.Second),
	}
	for _, f := range change {
		f(&w)
	}
	return w
}

var now = time.Date(2026, 8, 14, 3, 2, 0, 0, time.UTC)

func silent(d time.Duration) func(*tenant.Worker) { return func(w *tenant.Worker) { w.Silence = d } }

func stopped(w *tenant.Worker) { w.Stopped = true }

func waits(why string, d time.Duration) func(*tenant.Worker) {
	return func(w *tenant.Worker) { w.WaitsFor, w.Waited = why, d }
}

// TestWhoWorksIsJudged in each way in which nobody may do the work. Grave is what
// people are told of at night.
func TestWhoWorksIsJudged(t *testing.T) {
	t.Parallel()
	const lacks = "the Temporal namespace n lacks the search attributes TenantId; run: starter setup"
	for name, c := range map[string]struct {
		workers []tenant.Worker
		change  func(*tenant.WorkerState)
		trouble tenant.WorkerTrouble
		grave   bool
		says    string
	}{
		"one works":                            {workers: []tenant.Worker{aWorker()}},
		"one ended, another works":             {workers: []tenant.Worker{aWorker(silent(time.Hour), stopped), aWorker()}},
		"one hangs, another works":             {workers: []tenant.Worker{aWorker(silent(time.Hour)), aWorker()}},
		"none ever, something waits":           {trouble: tenant.WorkersNever, grave: true, says: "none has ever been seen"},
		"none ever, nothing waits":             {change: nothingWaits, trouble: tenant.WorkersNever},
		"none ever, just accepted":             {change: func(s *tenant.WorkerState) { s.Waited = time.Second }, trouble: tenant.WorkersNever},
		"none is known, and work is done":      {change: func(s *tenant.WorkerState) { s.Progress = time.Second }},
		"a busy machine":                       {workers: []tenant.Worker{aWorker(silent(59 * time.Second))}},
		"gone":                                 {workers: []tenant.Worker{aWorker(silent(61 * time.Second))}, trouble: tenant.WorkersGone, grave: true, says: "worker-0, was seen 1m1s ago; it has ended, hangs, or does not reach the database"},
		"gone, and nothing waits":              {workers: []tenant.Worker{aWorker(silent(time.Hour))}, change: nothingWaits, trouble: tenant.WorkersGone, grave: true},
		"all restart":                          {workers: []tenant.Worker{aWorker(silent(30*time.Second), stopped)}},
		"stopped in order, something waits":    {workers: []tenant.Worker{aWorker(silent(time.Hour), stopped)}, trouble: tenant.WorkersGone, grave: true, says: "it was stopped"},
		"stopped in order, nothing waits":      {workers: []tenant.Worker{aWorker(silent(time.Hour), stopped)}, change: nothingWaits, trouble: tenant.WorkersGone},
		"of another namespace":                 {workers: []tenant.Worker{aWorker(func(w *tenant.Worker) { w.Namespace = "other" })}, trouble: tenant.WorkersElsewhere, grave: true, says: "TEMPORAL_NAMESPACE other and TEMPORAL_TASK_QUEUE q"},
		"of another queue":                     {workers: []tenant.Worker{aWorker(func(w *tenant.Worker) { w.TaskQueue = "other" })}, trouble: tenant.WorkersElsewhere, grave: true},
		"ours is gone, another's lives":        {workers: []tenant.Worker{aWorker(func(w *tenant.Worker) { w.TaskQueue = "other" }), aWorker(silent(time.Hour))}, trouble: tenant.WorkersElsewhere, grave: true},
		"it says why it waits":                 {workers: []tenant.Worker{aWorker(waits(lacks, time.Second))}, trouble: tenant.WorkersWaiting, says: lacks},
		"it has waited long":                   {workers: []tenant.Worker{aWorker(waits(lacks, 2*time.Minute))}, trouble: tenant.WorkersWaiting, grave: true},
		"it starts":                            {workers: []tenant.Worker{aWorker(waits(tenant.WorkerStarting, 2*time.Second), func(w *tenant.Worker) { w.Age = 2 * time.Second })}},
		"it starts and starts":                 {workers: []tenant.Worker{aWorker(waits(tenant.WorkerStarting, 2*time.Minute), func(w *tenant.Worker) { w.Age = 2 * time.Minute })}, trouble: tenant.WorkersWaiting, grave: true},
		"one waits, another works":             {workers: []tenant.Worker{aWorker(waits(lacks, time.Hour)), aWorker()}},
		"the mail's queue is not polled":       {workers: []tenant.Worker{aWorker(func(w *tenant.Worker) { w.Queues = place.Queues[:2] })}, trouble: tenant.WorkersMissQueue, grave: true, says: "q-email"},
		"two poll what one does not":           {workers: []tenant.Worker{aWorker(func(w *tenant.Worker) { w.Queues = place.Queues[:1] }), aWorker(func(w *tenant.Worker) { w.Queues = place.Queues[1:] })}},
		"nothing moves":                        {workers: []tenant.Worker{aWorker()}, change: func(s *tenant.WorkerState) { s.Waited, s.Progress = time.Hour, 20*time.Minute }, trouble: tenant.WorkersStandStill, grave: true, says: "for 20m0s"},
		"nothing has ever moved":               {workers: []tenant.Worker{aWorker()}, change: func(s *tenant.WorkerState) { s.Waited = time.Hour }, trouble: tenant.WorkersStandStill, grave: true},
		"one waits long, others move":          {workers: []tenant.Worker{aWorker()}, change: func(s *tenant.WorkerState) { s.Waited, s.Progress = time.Hour, 6*time.Minute }},
		"all wait for the end of an incident":  {workers: []tenant.Worker{aWorker()}, change: func(s *tenant.WorkerState) { s.Waited, s.Incident = time.Hour, true }},
		"nothing moves since nothing is to do": {workers: []tenant.Worker{aWorker()}, change: nothingWaits},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tenant.WorkerState{Workers: c.workers, Now: now, Pending: 9, Waited: 2 * time.Minute, Progress: -1}
			if c.change != nil {
				c.change(&s)
			}
			w := s.Judge(place)
			require.Equal(t, c.trouble, w.Trouble, w.Says)
			require.Equal(t, c.grave, w.Grave)
			require.Contains(t, w.Says, c.says)
			if c.trouble != "" {
				require.Contains(t, w.Line(), "docs/runbooks/no-worker.md")
				require.False(t, w.Since.IsZero())
			} else {
				require.Empty(t, w.Line())
			}
		})
	}
}

func nothingWaits(s *tenant.WorkerState) { s.Pending, s.Waited = 0, 0 }

// TestWorkersOfUnknownSettings: who cannot say which workers are meant takes any.
func TestWorkersOfUnknownSettings(t *testing.T) {
	t.Parallel()
	s := tenant.WorkerState{Workers: []tenant.Worker{aWorker(func(w *tenant.Worker) { w.Namespace, w.Note = "other", "the schedule is not there" })}, Now: now, Progress: -1}
	w := s.Judge(tenant.WorkerPlace{})
	require.Empty(t, w.Trouble)
	require.Equal(t, 1, w.Working)
	require.Equal(t, "the schedule is not there", w.Line(), "what is to be mended is told all the same")
}
