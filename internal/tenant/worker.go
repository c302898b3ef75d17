package tenant

import "time"

// Worker is a process that starts and runs operations, as its row tells. Nothing
// in it is personal or secret.
type Worker struct {
	// ID is one for each life of the process.
	ID        string
	Host      string
	Version   string
	Namespace string
	TaskQueue string
	// Queues are the task queues whose polls Temporal has answered of late.
	Queues []string
	// WaitsFor says why it takes no work; empty when it takes work. Waited is how
	// long that has been so.
	WaitsFor string
	Waited   time.Duration
	// Note is what is to be mended although it takes work.
	Note     string
	LastSeen time.Time
	// Stopped tells that it ended in order.
	Stopped bool
	// Silence is how long ago it was last seen, and Age how long ago it started,
	// by the database's clock.
	Silence, Age time.Duration
}

// Beat is what a worker tells of itself.
type Beat struct {
	Worker
	// Dispatched is how long ago it has last started a run; negative if never.
	Dispatched time.Duration
}

// lives tells whether it runs, as far as anybody can know.
func (w Worker) lives() bool { return !w.Stopped && w.Silence < WorkerSilence }

func (w Worker) works() bool { return w.lives() && w.WaitsFor == "" }

// What makes people doubt that workers work.
const (
	// WorkerBeat is how often a worker tells that it lives.
	WorkerBeat = 5 * time.Second
	// WorkerSilence is how long a worker may say nothing before it counts as gone:
	// a busy machine, and a restart of all workers, are shorter.
	WorkerSilence = time.Minute
	// Standstill is how long nothing may be written of any operation that is to be
	// worked on. What runs writes an attempt at least every five minutes, which is
	// the longest attempt and the longest pause between two.
	Standstill = 15 * time.Minute
)

// WorkerState is what the rows say of workers and of what waits for them.
type WorkerState struct {
	// Workers are those of the last days, the last seen first.
	Workers []Worker
	// Now is the database's clock.
	Now time.Time
	// Pending operations wait for a run, Running ones have one that has to do
	// something.
	Pending, Running int
	// Waited is how long the one that waits longest has been as it is.
	Waited time.Duration
	// Progress is how long ago a run has written anything at all, or an incident
	// has ended; negative if never.
	Progress time.Duration
	// Incident tells that one is open: what waits does so for its end.
	Incident bool
	// Outage is the one that is open; its id is zero when none is.
	Outage WorkerOutage
}

// WorkerOutage is a time in which no worker took work.
type WorkerOutage struct {
	ID int64 `json:"id"`
	// Cause says what was seen, in plain words.
	Cause string `json:"cause"`
	// Waiting is how many operations waited when it was noticed.
	Waiting  int       `json:"waiting"`
	OpenedAt time.Time `json:"openedAt"`
	// ClosedAt is zero while it is open.
	ClosedAt time.Time `json:"closedAt,omitzero"`
}
