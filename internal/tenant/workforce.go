package tenant

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// WorkerTrouble is why operations are not worked on.
type WorkerTrouble string

// The troubles.
const (
	// WorkersNever is an installation in which no worker has ever been seen.
	WorkersNever WorkerTrouble = "never-seen"
	// WorkersGone is when all have ended, hang, or do not reach the database.
	WorkersGone WorkerTrouble = "gone"
	// WorkersElsewhere is when the workers that live are of another namespace or
	// task queue than whoever asks.
	WorkersElsewhere WorkerTrouble = "elsewhere"
	// WorkersWaiting is when those that live take no work, and say why.
	WorkersWaiting WorkerTrouble = "waiting"
	// WorkersMissQueue is when a task queue is polled by none.
	WorkersMissQueue WorkerTrouble = "queue-not-polled"
	// WorkersStandStill is when they poll and nothing moves.
	WorkersStandStill WorkerTrouble = "standstill"
)

// WorkerRunbook is the page of docs/runbooks that helps.
const WorkerRunbook = "no-worker.md"

// WorkerPlace is what workers must be of to do the work of whoever asks. Empty,
// where that is not known, it is any.
type WorkerPlace struct {
	Namespace, TaskQueue string
	// Queues are all that must be polled.
	Queues []string
}

// Workforce tells whether anybody does the work, as the API, the command line
// and the mails say it.
type Workforce struct {
	// Trouble is empty while workers work. Says it in plain words, Runbook helps.
	Trouble WorkerTrouble `json:"trouble,omitempty"`
	Says    string        `json:"says,omitempty"`
	Runbook string        `json:"runbook,omitempty"`
	// Living counts the workers that were seen of late, Working those that take
	// work.
	Living  int `json:"living"`
	Working int `json:"working"`
	// LastSeen is when any was seen; zero if never.
	LastSeen time.Time `json:"lastSeen,omitzero"`
	// SilentSeconds is how long ago that was.
	SilentSeconds float64 `json:"silentSeconds,omitempty"`
	// Pending and Running operations wait for workers.
	Pending int `json:"pending"`
	Running int `json:"running"`
	// Notes are what workers want mended although they work.
	Notes []string `json:"notes,omitempty"`

	// Outage is the one that is open; its id is zero when none is.
	Outage WorkerOutage `json:"-"`
	// Since is when the trouble began, Grave whether people are to be told of it.
	Since time.Time `json:"-"`
	Grave bool      `json:"-"`
	// Silence is how long no worker was seen; negative if none ever was.
	Silence time.Duration `json:"-"`
}

// Waiting is how many operations wait for workers.
func (w Workforce) Waiting() int { return w.Pending + w.Running }

// Line is the trouble, what waits and the runbook, for people; empty while
// there is none.
func (w Workforce) Line() string {
	if w.Trouble == "" {
		return strings.Join(w.Notes, "\n")
	}
	waiting := ""
	switch n := w.Waiting(); {
	case n == 1:
		waiting = " 1 operation waits."
	case n > 1:
		waiting = fmt.Sprintf(" %d operations wait.", n)
	}
	return w.Says + "." + waiting + " See docs/runbooks/" + w.Runbook
}

// Judge says how it stands with the workers of a place.
func (s WorkerState) Judge(p WorkerPlace) Workforce {
	ours, others := s.of(p)
	w := Workforce{Pending: s.Pending, Running: s.Running, Silence: -1, Since: s.Now, Outage: s.Outage}
	living := slices.DeleteFunc(slices.Clone(ours), func(o Worker) bool { return !o.lives() })
	working := slices.DeleteFunc(slices.Clone(living), func(o Worker) bool { return !o.works() })
	w.Living, w.Working = len(living), len(working)
	if len(ours) > 0 {
		last := slices.MinFunc(ours, func(a, b Worker) int { return int(a.Silence - b.Silence) })
		w.LastSeen, w.Silence, w.SilentSeconds = last.LastSeen, last.Silence, last.Silence.Seconds()
	}
	switch {
	case len(living) == 0 && s.moves(): // by workers that tell nothing of themselves
	case len(living) == 0:
		s.judgeAbsence(&w, ours, others)
	case len(working) == 0:
		s.judgeWaiting(&w, living)
	default:
		s.judgeWork(&w, p, working)
	}
	if w.Trouble != "" {
		w.Runbook = WorkerRunbook
	}
	return w
}

// of are the workers of a place, and those of others.
func (s WorkerState) of(p WorkerPlace) (ours, others []Worker) {
	for _, w := range s.Workers {
		if p.TaskQueue == "" || w.Namespace == p.Namespace && w.TaskQueue == p.TaskQueue {
			ours = append(ours, w)
		} else {
			others = append(others, w)
		}
	}
	return ours, others
}

// moves tells whether a run has written anything of late.
func (s WorkerState) moves() bool { return s.Progress >= 0 && s.Progress < WorkerSilence }

// overdue tells whether something has waited for a worker.
func (s WorkerState) overdue() bool { return s.Pending+s.Running > 0 && s.Waited >= WorkerSilence }

func (s WorkerState) judgeAbsence(w *Workforce, ours, others []Worker) {
	if w.Silence >= 0 && w.Silence < WorkerSilence {
		return // as long as a restart takes
	}
	w.Grave = s.overdue()
	if i := slices.IndexFunc(others, Worker.lives); i >= 0 {
		o := others[i]
		w.Trouble = WorkersElsewhere
		w.Since = s.Now.Add(-o.Age)
		w.Says = fmt.Sprintf("No worker with these settings is running: the one at %s has TEMPORAL_NAMESPACE %s and TEMPORAL_TASK_QUEUE %s", o.Host, o.Namespace, o.TaskQueue)
		return
	}
	if len(ours) == 0 {
		w.Trouble, w.Since = WorkersNever, s.Now.Add(-s.Waited)
		w.Says = "No worker is running: none has ever been seen"
		return
	}
	last := ours[slices.IndexFunc(ours, func(o Worker) bool { return o.Silence == w.Silence })]
	w.Trouble, w.Since = WorkersGone, s.Now.Add(-w.Silence)
	how := "it has ended, hangs, or does not reach the database"
	if last.Stopped {
		how = "it was stopped"
	} else {
		w.Grave = true
	}
	w.Says = fmt.Sprintf("No worker is running: the last one, at %s, was seen %s ago; %s", last.Host, w.Silence.Round(time.Second), how)
}

// judgeWaiting speaks of workers that live and take no work. One that has just
// started has a while for it.
func (s WorkerState) judgeWaiting(w *Workforce, living []Worker) {
	longest := slices.MaxFunc(living, func(a, b Worker) int { return int(a.Waited - b.Waited) })
	if longest.WaitsFor == WorkerStarting && longest.Age < WorkerSilence {
		return
	}
	w.Trouble, w.Since = WorkersWaiting, s.Now.Add(-longest.Waited)
	w.Grave = s.overdue() && longest.Waited >= WorkerSilence
	w.Says = fmt.Sprintf("No worker takes work: the one at %s says %s", longest.Host, longest.WaitsFor)
}

// WorkerStarting is what a worker waits for that has not asked for anything yet.
const WorkerStarting = "it is starting"

// judgeWork speaks of workers that say that they work.
func (s WorkerState) judgeWork(w *Workforce, p WorkerPlace, working []Worker) {
	polled := map[string]bool{}
	for _, o := range working {
		for _, q := range o.Queues {
			polled[q] = true
		}
		if o.Note != "" && !slices.Contains(w.Notes, o.Note) {
			w.Notes = append(w.Notes, o.Note)
		}
	}
	missing := slices.DeleteFunc(slices.Clone(p.Queues), func(q string) bool { return polled[q] })
	stands := s.Pending+s.Running > 0 && !s.Incident && s.Waited >= Standstill && (s.Progress < 0 || s.Progress >= Standstill)
	switch {
	case len(missing) > 0:
		w.Trouble, w.Grave = WorkersMissQueue, s.overdue()
		w.Says = "No worker polls the task queue " + strings.Join(missing, ", ") + ", although some are there"
	case stands:
		still := s.Waited
		if s.Progress >= 0 {
			still = min(still, s.Progress)
		}
		w.Trouble, w.Grave, w.Since = WorkersStandStill, true, s.Now.Add(-still)
		w.Says = fmt.Sprintf("Workers are there, and nothing moves: no run has written anything for %s", still.Round(time.Second))
	}
}
