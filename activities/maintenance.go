package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"tenant-provisioning/internal/tenant"
)

// WindowStore keeps maintenance windows. All times that it is given are the clock of
// the run, which is Temporal's: one for all workers.
type WindowStore interface {
	PlanRegular(ctx context.Context, now time.Time, rule *tenant.WindowRule, title string, items []string) error
	// Due lists the windows under way, and those that begin before a time.
	Due(ctx context.Context, before time.Time) ([]tenant.WindowID, error)
	Find(ctx context.Context, id tenant.WindowID) (tenant.Window, error)
	// Change makes of a window what change says, which may be called again; nothing when
	// that is a zero step.
	Change(ctx context.Context, id tenant.WindowID, to tenant.WindowAudience, change func(tenant.Window) (tenant.WindowStep, error)) (tenant.Window, error)
	// UnderWay counts the operations that runs work on.
	UnderWay(ctx context.Context) (int, error)
}

// MaintenanceTask is what workers do in each window. It may be repeated, and be cut
// short, at any time.
type MaintenanceTask struct {
	// Name is shown to people, and names the task in its row.
	Name string
	// Do says in a few words what it did. It tells its progress now and then.
	Do func(ctx context.Context, progress func(string)) (did string, err error)
}

// WindowPolicy is what the settings say of windows.
type WindowPolicy struct {
	// Rule is nil where no window is regular.
	Rule *tenant.WindowRule
	// Mode is that of windows without one of their own.
	Mode tenant.WindowMode
	// Waits has a read-only window wait for what runs before its tasks begin.
	Waits bool
	// Items are the manual ones of regular windows.
	Items    []string
	Audience tenant.WindowAudience
}

// Maintenance does what a window does.
type Maintenance struct {
	Store  WindowStore
	Tasks  []MaintenanceTask
	Policy WindowPolicy
	// Check says why a window must not end yet, in plain words; empty when it may.
	Check func(ctx context.Context) (failed string, err error)
	// Clock is the database's, by which the run's is checked before a window begins.
	Clock func(ctx context.Context) (time.Time, error)
}

const (
	// regularTitle is what the public reads of a regular window.
	regularTitle = "Regular maintenance"
	// planAhead is how long before its start a window has a run: in time to tell people.
	planAhead = tenant.NoticeBefore + time.Hour
	// overrunBy is how much longer an overrun is announced to last, each time.
	overrunBy = 30 * time.Minute
	// clockSlack is how far the clocks of Temporal and the database may be apart.
	clockSlack = 5 * time.Minute
	// underWayPause is between two looks at what runs.
	underWayPause = 5 * time.Second
)

// ErrTypeClock is a clock that tells another time than the database's; nothing is begun
// by it.
const ErrTypeClock = "ClocksDiffer"

// WindowMoment is a window, and when it is for the run.
type WindowMoment struct {
	Window tenant.WindowID `json:"window"`
	Now    time.Time       `json:"now"`
}

// WindowView is what a run needs to know of a window.
type WindowView struct {
	State      tenant.WindowState `json:"state"`
	ReadOnly   bool               `json:"readOnly"`
	Waits      bool               `json:"waits"`
	AnnounceAt time.Time          `json:"announceAt,omitzero"`
	StartsAt   time.Time          `json:"startsAt"`
	EndsAt     time.Time          `json:"endsAt"`
	// Tasks are those that a worker has to do still, in order.
	Tasks []string `json:"tasks,omitempty"`
}

func (a *Maintenance) view(w tenant.Window) WindowView {
	v := WindowView{
		State: w.State, ReadOnly: w.Mode == tenant.WindowReadOnly, Waits: a.Policy.Waits,
		AnnounceAt: w.AnnounceAt(), StartsAt: w.StartsAt, EndsAt: w.EndsAt,
	}
	for _, t := range w.Tasks {
		if !t.Manual && (t.State == tenant.TaskPending || t.State == tenant.TaskRunning) {
			v.Tasks = append(v.Tasks, t.Name)
		}
	}
	return v
}

// PlanWindows plans the regular windows of the months to come, and lists all that need a
// run now. A month is planned once, however often it is asked for.
func (a *Maintenance) PlanWindows(ctx context.Context, now time.Time) ([]tenant.WindowID, error) {
	clock, err := a.Clock(ctx)
	if err != nil {
		return nil, windowError(ctx, err)
	}
	if err := sameClock(now, clock); err != nil {
		return nil, err
	}
	err = a.Store.PlanRegular(ctx, now, a.Policy.Rule, regularTitle, a.Policy.Items)
	if err != nil {
		return nil, windowError(ctx, err)
	}
	due, err := a.Store.Due(ctx, now.Add(planAhead))
	return due, windowError(ctx, err)
}

// ReadWindow reads a window. It changes nothing.
func (a *Maintenance) ReadWindow(ctx context.Context, id tenant.WindowID) (WindowView, error) {
	w, err := a.Store.Find(ctx, id)
	return a.view(w), windowError(ctx, err)
}

// AnnounceWindow makes the notices of a window when it is time for them. Rows keep them
// from being made twice.
func (a *Maintenance) AnnounceWindow(ctx context.Context, m WindowMoment) (WindowView, error) {
	return a.changeByClock(ctx, m, func(w tenant.Window) tenant.WindowStep { return w.Announced(m.Now, a.Policy.Mode) })
}

// BeginWindow begins a window when its time has come. Of many who try, at the same time
// too, one does: the row says that it has begun.
func (a *Maintenance) BeginWindow(ctx context.Context, m WindowMoment) (WindowView, error) {
	names := make([]string, len(a.Tasks))
	for n, t := range a.Tasks {
		names[n] = t.Name
	}
	return a.changeByClock(ctx, m, func(w tenant.Window) tenant.WindowStep { return w.Begin(m.Now, a.Policy.Mode, names) })
}

// changeByClock is change for what is due by the run's clock, which the database must
// share: by a clock that jumps nobody is told anything, and no window begins. One that a
// person has begun asks no clock.
func (a *Maintenance) changeByClock(ctx context.Context, m WindowMoment, change func(tenant.Window) tenant.WindowStep) (WindowView, error) {
	clock, err := a.Clock(ctx)
	if err != nil {
		return WindowView{}, windowError(ctx, err)
	}
	w, err := a.Store.Change(ctx, m.Window, a.Policy.Audience, func(w tenant.Window) (tenant.WindowStep, error) {
		if w.State == tenant.WindowPlanned {
			if err := sameClock(m.Now, clock); err != nil {
				return tenant.WindowStep{}, err
			}
		}
		return change(w), nil
	})
	if differ, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return WindowView{}, differ
	}
	return a.view(w), windowError(ctx, err)
}

// sameClock refuses a time that is not the database's. It is not worth repeating with the
// same time: the run asks again with another.
func sameClock(now, database time.Time) error {
	apart := now.Sub(database).Abs()
	if apart <= clockSlack {
		return nil
	}
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(
		"the clocks of Temporal and PostgreSQL are %s apart, or an answer took that long, so nobody knows what is due: mend the clock; \"starter maintenance start\" begins a window all the same",
		apart.Round(time.Second)), ErrTypeClock, nil)
}

// ClocksDiffer reports whether an activity ended because of that.
func ClocksDiffer(err error) bool {
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && app.Type() == ErrTypeClock
}

// AwaitQuiet waits until no run works on an operation any more. The dispatcher starts
// none meanwhile, so it comes to an end; the run bounds it.
func (a *Maintenance) AwaitQuiet(ctx context.Context) error {
	for {
		n, err := a.Store.UnderWay(ctx)
		if err != nil || n == 0 {
			return windowError(ctx, err)
		}
		activity.RecordHeartbeat(ctx, fmt.Sprintf("waiting for %d operations", n))
		if err := rest(ctx, underWayPause); err != nil {
			return err
		}
	}
}

// WindowTaskRequest names a task of a window.
type WindowTaskRequest struct {
	Window tenant.WindowID `json:"window"`
	Task   string          `json:"task"`
	Now    time.Time       `json:"now"`
	// Failed is why the task is given up; empty while it is to be done.
	Failed string `json:"failed,omitempty"`
}

// DoTask does a task of a window. A task may be repeated; one that this worker does not
// know, since it is of another version, is for another worker.
func (a *Maintenance) DoTask(ctx context.Context, r WindowTaskRequest) error {
	task, known := a.task(r.Task)
	if !known {
		return temporal.NewApplicationError("this worker does not know the task "+r.Task+": another version has planned it", ErrTypeStep)
	}
	began := time.Now()
	if _, err := a.setTask(ctx, r, tenant.TaskRunning, ""); err != nil {
		return windowError(ctx, err)
	}
	_, stop := alive(ctx)
	defer stop()
	var did string
	err := safely(func() (err error) {
		did, err = task.Do(ctx, func(doing string) { activity.RecordHeartbeat(ctx, doing) })
		return err
	})
	if err != nil {
		return windowError(ctx, err)
	}
	r.Now = r.Now.Add(time.Since(began))
	_, err = a.setTask(ctx, r, tenant.TaskDone, did)
	return windowError(ctx, err)
}

// GiveUpTask notes that a task has failed: the next window tries it again.
func (a *Maintenance) GiveUpTask(ctx context.Context, r WindowTaskRequest) error {
	_, err := a.setTask(ctx, r, tenant.TaskFailed, r.Failed)
	return windowError(ctx, err)
}

func (a *Maintenance) task(name string) (MaintenanceTask, bool) {
	for _, t := range a.Tasks {
		if t.Name == name {
			return t, true
		}
	}
	return MaintenanceTask{}, false
}

func (a *Maintenance) setTask(ctx context.Context, r WindowTaskRequest, state tenant.WindowTaskState, detail string) (tenant.Window, error) {
	return a.Store.Change(ctx, r.Window, a.Policy.Audience, func(w tenant.Window) (tenant.WindowStep, error) {
		return w.SetTask(r.Task, state, detail, r.Now), nil
	})
}

// CloseWindow ends a window at its announced end, or extends the announcement when
// something is left to do or a check does not hold. What it has done once it does not do
// again: the end is another then.
func (a *Maintenance) CloseWindow(ctx context.Context, m WindowMoment) (WindowView, error) {
	failed, err := a.Check(ctx)
	if err != nil {
		failed = unexplained
		activity.GetLogger(ctx).Warn("a check before the end of a maintenance window could not be made", "error", err)
	}
	return a.change(ctx, m.Window, func(w tenant.Window) tenant.WindowStep { return w.Close(m.Now, failed, overrunBy) })
}

func (a *Maintenance) change(ctx context.Context, id tenant.WindowID, change func(tenant.Window) tenant.WindowStep) (WindowView, error) {
	w, err := a.Store.Change(ctx, id, a.Policy.Audience, func(w tenant.Window) (tenant.WindowStep, error) { return change(w), nil })
	return a.view(w), windowError(ctx, err)
}

// windowError keeps the cause in the worker's log: what leaves may be shown.
func windowError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, tenant.ErrNotFound):
		return temporal.NewNonRetryableApplicationError("there is no such maintenance window any more", ErrTypeSuperseded, nil)
	}
	activity.GetLogger(ctx).Error("a maintenance window does not go on", "error", err)
	return classify("", err)
}
