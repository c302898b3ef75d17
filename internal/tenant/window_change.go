package tenant

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// WindowAction is what a person may do about a maintenance window.
type WindowAction string

const (
	// ActionPlanWindow makes one.
	ActionPlanWindow WindowAction = "plan"
	// ActionStartWindow begins one now; it lasts as long as it was planned to.
	ActionStartWindow WindowAction = "start"
	// ActionExtendWindow moves the announced end.
	ActionExtendWindow WindowAction = "extend"
	// ActionEndWindow ends one now, whatever is left to do.
	ActionEndWindow WindowAction = "end"
	// ActionSkipWindow calls one off.
	ActionSkipWindow WindowAction = "skip"
	// ActionMoveWindow has one at another time.
	ActionMoveWindow WindowAction = "move"
	// ActionTickItem notes that a manual item is done.
	ActionTickItem WindowAction = "tick"
)

// Audited is how the audit log calls the action.
func (a WindowAction) Audited() string { return "maintenance-" + string(a) }

// Bounds of what people may plan.
const (
	// WindowShortest and WindowLongest bound how long a window is announced for.
	WindowShortest = time.Minute
	WindowLongest  = 7 * 24 * time.Hour
	// windowHorizon is how far ahead one is planned.
	windowHorizon = 2 * 366 * 24 * time.Hour
	// windowSlack is how far in the past a time may be that was meant to be now.
	windowSlack = time.Minute
	// maxWindowText bounds a title and an item, and maxWindowMessage a message, in
	// characters.
	maxWindowText    = 100
	maxWindowMessage = 1000
	// maxWindowItems bounds the manual items.
	maxWindowItems = 20
)

// NoticeBefore is how long before its start people are told of a window.
const NoticeBefore = 24 * time.Hour

// WindowChange is what a person asks for.
type WindowChange struct {
	Action WindowAction
	// At is the new start, of a move.
	At time.Time
	// By is how much longer it lasts, of an extension.
	By time.Duration
	// Item is what was done, of a tick.
	Item string
	// Mode is the window's where it is started without one of its own.
	Mode WindowMode
	// Actor is who asks.
	Actor string
}

// WindowRefusedError is a change that a window's state does not allow.
type WindowRefusedError struct {
	Action WindowAction
	State  WindowState
	// Why says more where the state alone would allow it.
	Why string
}

func (e *WindowRefusedError) Error() string {
	if e.Why != "" {
		return fmt.Sprintf("%s is refused: %s", e.Action, e.Why)
	}
	allowed := e.State.Allowed()
	if len(allowed) == 0 {
		return fmt.Sprintf("%s is refused: the window is %s, and nothing of it changes any more", e.Action, e.State)
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return fmt.Sprintf("%s is refused: the window is %s, which allows: %s", e.Action, e.State, strings.Join(names, ", "))
}

// Allowed lists what a window in a state allows; empty, never nil, when nothing.
func (s WindowState) Allowed() []WindowAction {
	switch s {
	case WindowPlanned:
		return []WindowAction{ActionStartWindow, ActionExtendWindow, ActionSkipWindow, ActionMoveWindow, ActionTickItem}
	case WindowRunning:
		return []WindowAction{ActionExtendWindow, ActionEndWindow, ActionTickItem}
	case WindowCompleted, WindowSkipped:
	}
	return []WindowAction{}
}

// WindowAnnouncement is what people are told of a window.
type WindowAnnouncement string

const (
	// AnnouncePlanned tells of one that comes.
	AnnouncePlanned WindowAnnouncement = "planned"
	// AnnounceMoved tells those who were told before that it is at another time.
	AnnounceMoved WindowAnnouncement = "moved"
	// AnnounceCancelled tells them that it does not take place.
	AnnounceCancelled WindowAnnouncement = "cancelled"
	// AnnounceOverrun tells staff that it has not come to its end in time.
	AnnounceOverrun WindowAnnouncement = "overrun"
)

// WindowStep is what a change makes of a window. Its zero value changes nothing.
type WindowStep struct {
	Window   Window
	Audit    AuditEntry
	Announce WindowAnnouncement
}

// Open reports whether the window is to come or under way.
func (w Window) Open() bool { return w.State == WindowPlanned || w.State == WindowRunning }

// AnnounceAt is when people are to be told of it; zero when they were.
func (w Window) AnnounceAt() time.Time {
	if !w.Open() || !w.AnnouncedAt.IsZero() {
		return time.Time{}
	}
	return w.StartsAt.Add(-NoticeBefore)
}

// told reports whether somebody was told anything of it.
func (w Window) told() bool { return w.Revision > 0 || !w.AnnouncedAt.IsZero() }

// String is the window for the audit log.
func (w Window) String() string {
	s := fmt.Sprintf("window %s, %s to %s", w.ID, w.StartsAt.UTC().Format(time.RFC3339), w.EndsAt.UTC().Format(time.RFC3339))
	if w.Mode != "" {
		s += ", " + string(w.Mode)
	}
	return s
}

// Unfinished lists the tasks that are neither done, failed nor skipped.
func (w Window) Unfinished() []string {
	var names []string
	for _, t := range w.Tasks {
		if t.State == TaskPending || t.State == TaskRunning {
			names = append(names, t.Name)
		}
	}
	return names
}

// Plan checks a window that a person plans, and is it. The error is an *InvalidError.
func (w Window) Plan(now time.Time) (Window, error) {
	wrong := checkTimes("startsAt", w.StartsAt, w.EndsAt.Sub(w.StartsAt), now)
	w.Title, w.Message = strings.TrimSpace(w.Title), strings.TrimSpace(w.Message)
	if n := utf8.RuneCountInString(w.Title); n < 1 || n > maxWindowText || !oneLine(w.Title) {
		wrong = append(wrong, FieldError{Field: "title", Message: "must be a line of 1 to 100 characters"})
	}
	if utf8.RuneCountInString(w.Message) > maxWindowMessage || !utf8.ValidString(w.Message) || strings.ContainsRune(w.Message, 0) {
		wrong = append(wrong, FieldError{Field: "message", Message: "must have at most 1000 characters"})
	}
	if w.Mode != "" && w.Mode != WindowNormal && w.Mode != WindowReadOnly {
		wrong = append(wrong, FieldError{Field: "mode", Message: "must be normal or read-only"})
	}
	seen := map[string]bool{}
	for n, t := range w.Tasks {
		if l := utf8.RuneCountInString(t.Name); l < 1 || l > maxWindowText || !oneLine(t.Name) || seen[t.Name] || n == maxWindowItems {
			wrong = append(wrong, FieldError{Field: "items", Message: "must be at most 20 lines of 1 to 100 characters, each once"})
			break
		}
		seen[t.Name] = true
	}
	if len(wrong) > 0 {
		return Window{}, &InvalidError{Fields: wrong}
	}
	w.State, w.Decided = WindowPlanned, true
	return w, nil
}

func oneLine(s string) bool { return utf8.ValidString(s) && !strings.ContainsAny(s, "\r\n\x00") }

// Items are the manual tasks of these names.
func Items(names []string) []WindowTask {
	tasks := make([]WindowTask, len(names))
	for n, name := range names {
		tasks[n] = WindowTask{Name: strings.TrimSpace(name), Manual: true, State: TaskPending}
	}
	return tasks
}

func checkTimes(field string, at time.Time, lasts time.Duration, now time.Time) (wrong []FieldError) {
	if at.Before(now.Add(-windowSlack)) || at.After(now.Add(windowHorizon)) {
		wrong = append(wrong, FieldError{Field: field, Message: "must be a time from now on, within two years"})
	}
	if lasts < WindowShortest || lasts > WindowLongest {
		wrong = append(wrong, FieldError{Field: "minutes", Message: "must make it last from a minute to 7 days"})
	}
	return wrong
}

// Change is the window as a person wants it. Errors: *WindowRefusedError,
// *InvalidError.
func (w Window) Change(c WindowChange, now time.Time) (WindowStep, error) {
	if !slices.Contains(w.State.Allowed(), c.Action) {
		return WindowStep{}, &WindowRefusedError{Action: c.Action, State: w.State}
	}
	w.Tasks = slices.Clone(w.Tasks)
	lasts := w.EndsAt.Sub(w.StartsAt)
	w.Decided = true
	step := WindowStep{}
	switch c.Action {
	case ActionStartWindow:
		w.StartsAt, w.EndsAt = now, now.Add(lasts)
		w.begin(now, c.Mode)
	case ActionExtendWindow:
		if wrong := checkTimes("", now, lasts+c.By, now); c.By < time.Minute || wrong != nil {
			return step, &InvalidError{Fields: []FieldError{{Field: "minutes", Message: "must be a minute at least, and not make it longer than 7 days"}}}
		}
		w.EndsAt = w.EndsAt.Add(c.By)
	case ActionEndWindow:
		w.end(now, "ended by "+c.Actor)
	case ActionSkipWindow:
		w.State, w.EndedAt, w.Note = WindowSkipped, now, "called off by "+c.Actor
		if w.told() {
			w.Revision++
			step.Announce = AnnounceCancelled
		}
	case ActionMoveWindow:
		if wrong := checkTimes("startsAt", c.At, lasts, now); wrong != nil {
			return step, &InvalidError{Fields: wrong}
		}
		w.StartsAt, w.EndsAt = c.At, c.At.Add(lasts)
		if w.told() {
			w.Revision++
			step.Announce = AnnounceMoved
		}
		if c.At.Sub(now) > NoticeBefore {
			w.AnnouncedAt = time.Time{} // those who are told of the move are told again
		}
	case ActionTickItem:
		if err := w.tick(c, now); err != nil {
			return step, err
		}
	case ActionPlanWindow:
	}
	step.Window = w
	return step, nil
}

func (w *Window) tick(c WindowChange, now time.Time) error {
	open := []string{}
	for n, t := range w.Tasks {
		switch {
		case t.Manual && t.Name == c.Item && t.State == TaskPending:
			w.Tasks[n].State, w.Tasks[n].EndedAt, w.Tasks[n].Detail = TaskDone, now, "ticked by "+c.Actor
			return nil
		case t.Manual && t.Name == c.Item:
			return nil // it is ticked
		case t.Manual && t.State == TaskPending:
			open = append(open, fmt.Sprintf("%q", t.Name))
		}
	}
	why := fmt.Sprintf("the window has no item %q that people tick", c.Item)
	if len(open) > 0 {
		why += "; it has " + strings.Join(open, ", ")
	}
	return &WindowRefusedError{Action: c.Action, State: w.State, Why: why}
}

func (w *Window) begin(now time.Time, mode WindowMode) {
	w.State, w.StartedAt, w.Mode = WindowRunning, now, cmp.Or(w.Mode, mode)
}

func (w *Window) end(now time.Time, note string) {
	w.State, w.EndedAt, w.Note = WindowCompleted, now, note
	if w.EndedAt.Before(w.StartedAt) { // a clock was set back
		w.EndedAt = w.StartedAt
	}
	for n, t := range w.Tasks {
		if t.State == TaskPending || t.State == TaskRunning {
			w.Tasks[n].State, w.Tasks[n].EndedAt = TaskSkipped, w.EndedAt
		}
	}
}

// The changes below are the schedule's: nobody asks for them, and nothing is refused.
// One that has nothing to change is a zero WindowStep.

// Announced has people told of the window, once for each announcement, and of what they
// may do in it: from then on no setting changes its mode.
func (w Window) Announced(now time.Time, mode WindowMode) WindowStep {
	if at := w.AnnounceAt(); at.IsZero() || now.Before(at) {
		return WindowStep{}
	}
	w.AnnouncedAt, w.Mode = now, cmp.Or(w.Mode, mode)
	return WindowStep{Window: w, Announce: AnnouncePlanned}
}

// Begin begins it when its time has come, with these tasks that workers do before the
// manual ones; one whose time has passed without anybody there does not take place any
// more. One that a person has begun gets the tasks that it lacks.
func (w Window) Begin(now time.Time, mode WindowMode, automatic []string) WindowStep {
	step := WindowStep{}
	w.Tasks = slices.Clone(w.Tasks)
	switch {
	case w.State == WindowPlanned && !now.Before(w.EndsAt):
		w.State, w.EndedAt = WindowSkipped, now
		w.Note = "missed: no worker, or no Temporal, was there while it should have been"
		step.Audit = w.scheduled("missed", w.Note)
	case w.State == WindowPlanned && !now.Before(w.StartsAt):
		w.begin(now, mode)
		w.addTasks(automatic)
		step.Audit = w.scheduled(string(ActionStartWindow), "")
	case w.State == WindowRunning && w.addTasks(automatic):
	default:
		return step
	}
	step.Window = w
	return step
}

func (w *Window) addTasks(automatic []string) (added bool) {
	var tasks []WindowTask
	for _, name := range automatic {
		if !slices.ContainsFunc(w.Tasks, func(t WindowTask) bool { return t.Name == name }) {
			tasks = append(tasks, WindowTask{Name: name, State: TaskPending})
		}
	}
	w.Tasks = append(tasks, w.Tasks...)
	return len(tasks) > 0
}

// Close ends it at its announced end. Where something is left to do, or a check does not
// hold, the announcement is extended instead, and staff are told the first time.
func (w Window) Close(now time.Time, failed string, by time.Duration) WindowStep {
	if w.State != WindowRunning || now.Before(w.EndsAt) {
		return WindowStep{}
	}
	w.Tasks = slices.Clone(w.Tasks)
	left := []string{}
	if open := w.Unfinished(); len(open) > 0 {
		left = append(left, "not done: "+strings.Join(open, ", "))
	}
	if failed != "" {
		left = append(left, failed)
	}
	if len(left) == 0 {
		w.end(now, w.result())
		return WindowStep{Window: w, Audit: w.scheduled(string(ActionEndWindow), w.Note)}
	}
	step := WindowStep{}
	if w.OverrunAt.IsZero() {
		w.OverrunAt, step.Announce = now, AnnounceOverrun
	}
	for !now.Before(w.EndsAt) {
		w.EndsAt = w.EndsAt.Add(by)
	}
	w.Note = strings.Join(left, "; ")
	step.Window, step.Audit = w, w.scheduled("overrun", w.Note)
	return step
}

// result is what has come of the tasks.
func (w Window) result() string {
	var failed []string
	for _, t := range w.Tasks {
		if t.State == TaskFailed {
			failed = append(failed, t.Name+": "+t.Detail)
		}
	}
	if len(failed) > 0 {
		return "failed: " + strings.Join(failed, "; ")
	}
	return "everything was done"
}

// SetTask is how far a worker has come with a task.
func (w Window) SetTask(name string, state WindowTaskState, detail string, now time.Time) WindowStep {
	n := slices.IndexFunc(w.Tasks, func(t WindowTask) bool { return t.Name == name && !t.Manual })
	if n < 0 || w.State != WindowRunning || w.Tasks[n].State == TaskDone || w.Tasks[n].State == TaskFailed {
		return WindowStep{}
	}
	w.Tasks = slices.Clone(w.Tasks)
	t := &w.Tasks[n]
	t.State, t.Detail = state, detail
	if t.StartedAt.IsZero() {
		t.StartedAt = now
	}
	if state != TaskRunning {
		t.EndedAt = now
	}
	return WindowStep{Window: w}
}

// scheduled is an entry of the audit log about what the schedule did.
func (w Window) scheduled(what, detail string) AuditEntry {
	text := w.String()
	if detail != "" {
		text += ": " + detail
	}
	return AuditEntry{Actor: ScheduleActor, Action: "maintenance-" + what, Outcome: OutcomeDone, Detail: text}
}

// WindowAudience is who is told of a window that comes.
type WindowAudience struct {
	// Staff are addresses.
	Staff []string
	// Administrators tells that those of tenants in use are, too.
	Administrators bool
}

// WindowNotice is one mail about a window to one person.
type WindowNotice struct {
	// ID travels with the mail; the provider is asked for it after a doubt.
	ID     string
	About  WindowAnnouncement
	Window Window
	// To is the address, and Name a tenant's administrator's first name; Tenant is that
	// tenant's name, empty of staff.
	To, Name, Tenant string
	// Untrue tells that it is not to leave any more: what it tells is not so, or there
	// is nobody to tell.
	Untrue bool
	// Doubtful tells that an earlier attempt may have left, Age ago.
	Doubtful bool
	Age      time.Duration
	// Attempts counts the attempts to send it, this one included.
	Attempts int
}
