package runner

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
)

const (
	// localTimeout bounds the first, local attempt at a step. It is brief:
	// while it runs nothing else of the run can happen, and what takes longer
	// is better seen as a pending activity. It leaves room for a step that
	// waits for its turn among concurrent schema work.
	localTimeout = 5 * time.Second
	// localQueueTimeout bounds how long it may wait before for a worker that has
	// more to do than it can.
	localQueueTimeout = 5 * time.Minute

	// databaseTimeout bounds one attempt at a step in the database: its work
	// takes milliseconds, the rest is waiting for locks and a connection.
	databaseTimeout = 30 * time.Second
	// contractTimeout bounds one attempt at the ledger: a transaction is valid
	// for a minute or so, and may have to be built anew.
	contractTimeout = 5 * time.Minute
	// contractHeartbeat is how soon a lost worker, or a cancel, is noticed
	// while the ledger is waited for.
	contractHeartbeat = 10 * time.Second
	// emailTimeout bounds one attempt at the mail, the local one as well. It is
	// for the provider's own time-out to end a conversation: what is cut off
	// before that has perhaps been taken, and most providers can never say. There
	// may be four conversations of ten seconds: the question for an earlier mail,
	// the mail, the question whether it was taken, and the backup.
	emailTimeout = 45 * time.Second

	// shortestTimeout bounds one attempt where the budget is less than that: a
	// hanging one must not outlast a small budget by far, and one that works must
	// not be cut.
	shortestTimeout = emailTimeout

	// restoreTimeout bounds one attempt at filling a schema from a backup, which may have
	// hundreds of gigabytes, and restoreHeartbeat is how soon a lost worker is noticed.
	restoreTimeout   = 24 * time.Hour
	restoreHeartbeat = 30 * time.Second
	// restoreStart is how long a worker may be away that can open backups.
	restoreStart = 10 * time.Minute

	// undoBudget is how long an undo is repeated before the rollback is
	// blocked.
	undoBudget = 10 * time.Minute
	// abandonedAfter is how late a deadline is noticed only where no worker was
	// there when it ended.
	abandonedAfter = 5 * time.Minute

	// blockedRetryFirst and blockedRetryMax space the attempts at a blocked
	// undo, which nobody has to ask for.
	blockedRetryFirst = 5 * time.Minute
	blockedRetryMax   = time.Hour
)

func backoff(first, most time.Duration) *temporal.RetryPolicy {
	return &temporal.RetryPolicy{InitialInterval: first, BackoffCoefficient: 2, MaximumInterval: most}
}

// Profile is how an activity is run: where, for how long, how often.
type Profile struct {
	queue     func(Queues) string
	timeout   time.Duration
	heartbeat time.Duration
	retry     *temporal.RetryPolicy
	// local tells that the first attempt is a local activity. What waits for
	// the ledger never is.
	local bool
	// localTimeout bounds that attempt; zero is the brief default.
	localTimeout time.Duration
	// long tells that one attempt may take longer than the budget for all.
	long bool
	// start is how long it may wait for a worker; zero is for as long as it takes.
	start time.Duration
}

// The profiles of what an activity works with.
var (
	// Database is for one that works in PostgreSQL alone.
	Database = Profile{
		queue: func(q Queues) string { return q.Main }, timeout: databaseTimeout,
		retry: backoff(200*time.Millisecond, 30*time.Second), local: true,
	}
	// Ledger is for one that waits for the ledger.
	Ledger = Profile{
		queue: func(q Queues) string { return q.Stellar }, timeout: contractTimeout, heartbeat: contractHeartbeat,
		retry: backoff(time.Second, 30*time.Second),
	}
	// Mail is for one that talks to the mail provider.
	Mail = Profile{
		queue: func(q Queues) string { return q.Email }, timeout: emailTimeout,
		retry: backoff(time.Second, 5*time.Minute), local: true, localTimeout: emailTimeout,
	}
	// Restore is for one that opens backups.
	Restore = Profile{
		queue: func(q Queues) string { return RestoreQueue(q.Main) }, timeout: restoreTimeout, heartbeat: restoreHeartbeat, long: true, start: restoreStart,
		retry: backoff(time.Second, time.Minute),
	}
)

// plain is the options of a plain activity that is repeated until its budget is
// used up, which the attempts see to themselves: ScheduleToClose would run on
// while no worker is there. A cancel is waited for: what comes after must know
// that the attempt has settled.
func (p Profile) plain(q Queues, b activities.Budget, summary string) workflow.ActivityOptions {
	options := workflow.ActivityOptions{
		TaskQueue:              p.queue(q),
		ScheduleToStartTimeout: p.start,
		StartToCloseTimeout:    min(p.timeout, max(b.Lasts, shortestTimeout)),
		HeartbeatTimeout:       p.heartbeat,
		WaitForCancellation:    true,
		RetryPolicy:            p.retry,
		Summary:                summary,
	}
	if p.long {
		options.StartToCloseTimeout = p.timeout
	}
	return options
}

// budget is what the attempts have before they ask for attention.
func (p Profile) budget(lasts time.Duration) activities.Budget {
	return activities.Budget{Lasts: max(lasts, time.Second), FirstPause: p.retry.InitialInterval, LongestPause: p.retry.MaximumInterval}
}

// first is the options of the first, local attempt at a step.
func (p Profile) first(summary string) workflow.LocalActivityOptions {
	options := localOptions(summary)
	options.StartToCloseTimeout = cmp.Or(p.localTimeout, options.StartToCloseTimeout)
	return options
}

// localOptions is the options of a local attempt: once and briefly, from when it
// begins.
func localOptions(summary string) workflow.LocalActivityOptions {
	return workflow.LocalActivityOptions{
		StartToCloseTimeout:    localTimeout,
		ScheduleToCloseTimeout: localQueueTimeout,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:                summary,
	}
}

// stateOptions is the options of a write of the operation's state, which is
// repeated until it succeeds: a state that is not written would be forgotten.
func stateOptions(q Queues, summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:           q.Main,
		StartToCloseTimeout: databaseTimeout,
		RetryPolicy:         backoff(200*time.Millisecond, 30*time.Second),
		Summary:             summary,
	}
}
