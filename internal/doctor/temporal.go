package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Temporal tells facts about the server and the namespace that the settings name.
type Temporal interface {
	Server(ctx context.Context) (TemporalServer, error)
	// Prepared fails where the namespace lacks what starter setup makes of it.
	Prepared(ctx context.Context) error
	Namespace(ctx context.Context) (TemporalNamespace, error)
	Queues(ctx context.Context) ([]Queue, error)
	Schedule(ctx context.Context) (Schedule, error)
}

// TemporalServer is which server answers.
type TemporalServer struct {
	Version string
	Latency time.Duration
	// Told says that the server has told the rest, which it need not.
	Told bool
	// Shards share the work of keeping runs.
	Shards int
	// Store is what it keeps them in.
	Store string
}

// TemporalNamespace is what a namespace keeps, and lets be done.
type TemporalNamespace struct {
	Retention time.Duration
	// Removed tells that it is on its way out.
	Removed bool
	// EagerStart and Updates tell what dynamic configuration allows.
	EagerStart, Updates bool
}

// Queue is a task queue by who polls it. Seen is when somebody did last, by the
// server's clock, against ours.
type Queue struct {
	Name, Kind string
	Pollers    int
	Seen       Clock
}

// Schedule is what runs the reconciler.
type Schedule struct {
	ID              string
	Missing, Paused bool
	// Note is why, by who paused it.
	Note string
	// Every is how often it runs; Last how long ago it did, -1 when never.
	Every, Last time.Duration
}

const temporalAway = "check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS_* and TEMPORAL_API_KEY: docs/runbooks/temporal-away.md"

// ExamineTemporal lists the checks. retention is TEMPORAL_RETENTION; before tells
// that no worker runs yet.
func ExamineTemporal(t Temporal, retention time.Duration, before bool) Subject {
	return Subject{Name: "temporal", Server: Check{"server", func(ctx context.Context) Verdict {
		return judgeTemporal(ctx, t.Server, TemporalServer.judge)
	}}, Checks: []Check{
		{"namespace", func(ctx context.Context) Verdict {
			if err := t.Prepared(ctx); err != nil {
				return unasked("the namespace is not ready", err, "run: starter setup")
			}
			return fine("the namespace is there, with its search attributes")
		}},
		{"retention", func(ctx context.Context) Verdict {
			return judgeTemporal(ctx, t.Namespace, func(n TemporalNamespace) Verdict { return n.judgeRetention(retention) })
		}},
		{"configuration", func(ctx context.Context) Verdict {
			return judgeTemporal(ctx, t.Namespace, TemporalNamespace.judgeConfiguration)
		}},
		{"workers", func(ctx context.Context) Verdict {
			return judgeTemporal(ctx, t.Queues, func(queues []Queue) Verdict { return judgeQueues(queues, before) })
		}},
		{"schedule", func(ctx context.Context) Verdict {
			return judgeTemporal(ctx, t.Schedule, func(s Schedule) Verdict { return s.judge(before) })
		}},
		{"clock", func(ctx context.Context) Verdict { return judgeTemporal(ctx, t.Queues, judgePollers) }},
	}}
}

func judgeTemporal[T any](ctx context.Context, ask func(context.Context) (T, error), of func(T) Verdict) Verdict {
	facts, err := ask(ctx)
	if err != nil {
		return unasked("Temporal cannot be asked", err, temporalAway)
	}
	return of(facts)
}

// eagerSince is the first version that gives a worker its next activity with the
// answer to its last task, unless that is switched off. Before, it is off unless it
// is switched on.
const eagerSince = "1.32"

// judge says what slows it, as far as that can be seen from outside.
func (s TemporalServer) judge() Verdict {
	found := fmt.Sprintf("Temporal %s answers in %s", s.Version, brief(s.Latency))
	if !s.Told {
		found += "; how it is built it does not tell"
	} else {
		found += fmt.Sprintf("; %s, kept in %s", count(s.Shards, "history shard"), s.Store)
	}
	var wrong []Verdict
	if s.Told && s.Shards == 1 {
		wrong = append(wrong, warn(found+": with one shard each step waits for the only reader of its queues",
			"a server of its own for production, with numHistoryShards 4 or more (it cannot be changed later); until then dynamic configuration history.transferProcessorMaxPollRPS: 2000"))
	}
	if s.Told && strings.Contains(strings.ToLower(s.Store), "sqlite") {
		wrong = append(wrong, warn(found+": SQLite is for development", "a server with PostgreSQL, MySQL or Cassandra"))
	}
	if older(s.Version, eagerSince) {
		wrong = append(wrong, warn(found+": before "+eagerSince+" activities are not started eagerly unless that is switched on",
			"upgrade to "+eagerSince+", or set system.enableActivityEagerExecution: true in its dynamic configuration"))
	}
	return all(fine("%s", found), wrong...)
}

func (n TemporalNamespace) judgeRetention(want time.Duration) Verdict {
	switch {
	case n.Removed:
		return fail("the namespace is being removed", "correct TEMPORAL_NAMESPACE, or run: starter setup when it is gone")
	case n.Retention != want:
		return warn(fmt.Sprintf("closed runs are kept for %s, and TEMPORAL_RETENTION says %s: a namespace that exists keeps its own", days(n.Retention), days(want)),
			fmt.Sprintf("temporal operator namespace update --namespace … --retention %dh, or correct TEMPORAL_RETENTION", int(want.Hours())))
	}
	return fine("closed runs are kept for %s, as TEMPORAL_RETENTION says", days(n.Retention))
}

func (n TemporalNamespace) judgeConfiguration() Verdict {
	var wrong []Verdict
	if !n.Updates {
		wrong = append(wrong, warn("the server takes no updates of runs: actions go as signals, whose answer is seen late", "frontend.enableUpdateWorkflowExecution: true in its dynamic configuration"))
	}
	if !n.EagerStart {
		wrong = append(wrong, warn("the server starts no run eagerly: each operation waits for one more round trip", "system.enableEagerWorkflowStart: true in its dynamic configuration"))
	}
	return all(fine("dynamic configuration allows eager starts and updates, as far as a client is told"), wrong...)
}

func judgeQueues(queues []Queue, before bool) Verdict {
	var polled, idle []string
	for _, q := range queues {
		if q.Pollers == 0 {
			idle = append(idle, q.Name+" ("+q.Kind+")")
		} else {
			polled = append(polled, fmt.Sprintf("%s (%s) by %d", q.Name, q.Kind, q.Pollers))
		}
	}
	switch {
	case len(idle) == 0:
		return fine("all task queues are polled: %s", strings.Join(polled, ", "))
	case before:
		return fine("nobody polls %s, as is expected before a deployment", strings.Join(idle, ", "))
	}
	return fail("nobody polls "+strings.Join(idle, ", ")+": what needs it waits", "docs/runbooks/no-worker.md")
}

// missedRounds is after how many the schedule is late: a round that takes longer
// than its interval leaves the next one out.
const missedRounds = 3

func (s Schedule) judge(before bool) Verdict {
	switch {
	case s.Missing:
		return fail("the schedule "+s.ID+" is not there: nothing is reconciled, and nothing due is purged", "run: starter setup")
	case s.Paused:
		return warn(fmt.Sprintf("the schedule %s is paused (%s): nothing is reconciled, and nothing due is purged", s.ID, s.Note),
			"temporal schedule toggle --schedule-id "+s.ID+" --unpause --reason WHY, when what it was paused for is over")
	case s.Last > missedRounds*s.Every && !before:
		return warn(fmt.Sprintf("the schedule %s last ran %s ago, and should every %s", s.ID, s.Last.Round(time.Second), s.Every), "docs/runbooks/temporal-away.md")
	case s.Last < 0:
		return fine("the schedule %s runs every %s, the first time soon", s.ID, s.Every)
	}
	return fine("the schedule %s runs every %s, last %s ago", s.ID, s.Every, s.Last.Round(time.Second))
}

// judgePollers compares clocks by the polls that the server has noted: none can lie
// in the future. That its clock is behind cannot be seen.
func judgePollers(queues []Queue) Verdict {
	var newest *Queue
	for i, q := range queues {
		if q.Pollers > 0 && (newest == nil || q.Seen.Ahead > newest.Seen.Ahead) {
			newest = &queues[i]
		}
	}
	switch {
	case newest == nil:
		return fine("Temporal tells no time before a worker polls")
	case newest.Seen.Ahead > 0:
		return newest.Seen.judge("Temporal's clock")
	}
	return fine("Temporal's clock is not ahead of this machine's: the newest poll was %s ago", newest.Seen.Ahead.Abs().Round(time.Second))
}

// older compares the first two numbers of versions.
func older(version, than string) bool {
	var a, b, c, d int
	if _, err := fmt.Sscanf(version, "%d.%d", &a, &b); err != nil {
		return false
	}
	if _, err := fmt.Sscanf(than, "%d.%d", &c, &d); err != nil {
		return false
	}
	return a < c || a == c && b < d
}
