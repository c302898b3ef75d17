package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/runner"
)

const (
	// MaintainName is the type of the workflow that plans windows, as the Web UI shows it.
	MaintainName = "Maintain"
	// MaintainSchedule is the id of the schedule that runs it.
	MaintainSchedule = "maintenance"
	// MaintainInterval is how often it runs: what was planned while Temporal was away is
	// noticed within this time.
	MaintainInterval = 5 * time.Minute

	// WindowName is the type of the workflow of one window.
	WindowName = "MaintenanceWindow"
	// WindowChanged is the signal that a window's row has changed. One that is lost is
	// missed only until the next time that was known.
	WindowChanged = "changed"
)

// WindowWorkflowID is the id of a window's run: only one is open at a time.
func WindowWorkflowID(id tenant.WindowID) string { return "maintenance-window/" + string(id) }

// maintenanceActivities and noticeActivities are for names and signatures alone.
var (
	maintenanceActivities *activities.Maintenance
	noticeActivities      *activities.WindowNotices
)

const (
	// rowTimeout bounds what reads or writes a window's rows.
	rowTimeout = 30 * time.Second
	// taskTimeout bounds an attempt at a task, far above any window.
	taskTimeout = 12 * time.Hour
	// taskHeartbeat is how soon a lost worker is noticed.
	taskHeartbeat = time.Minute
	// taskAttempts leaves a fault that stays to the next window.
	taskAttempts = 5
	// noticesTimeout bounds a round of mails: ten thousand take half an hour.
	noticesTimeout = 4 * time.Hour
	// clockPause is how long a clock that nobody can trust is left alone.
	clockPause = time.Minute
	// lookAgain is how soon a run looks again at a row whose time had not come when the
	// timer fired: the clock was set back.
	lookAgain = time.Second
)

// Maintain plans the windows of the months to come, and sees to it that each that begins
// soon, or is under way, has its run.
func Maintain(ctx workflow.Context) error {
	rows := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: rowTimeout, ScheduleToCloseTimeout: MaintainInterval,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
	})
	var due []tenant.WindowID
	if err := workflow.ExecuteActivity(rows, maintenanceActivities.PlanWindows, workflow.Now(ctx)).Get(ctx, &due); err != nil {
		return err
	}
	for _, id := range due {
		window := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: WindowWorkflowID(id),
			// It goes on for hours after this round.
			ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
		})
		err := workflow.ExecuteChildWorkflow(window, WindowName, id).GetChildWorkflowExecution().Get(ctx, nil)
		if err != nil && !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			return err
		}
	}
	return nil
}

// MaintenanceWindow is one window from its announcement to its end. What it is to do
// stands in its row, which people change; it is read anew each time something may be due.
func MaintenanceWindow(ctx workflow.Context, id tenant.WindowID) error {
	r := &windowRun{id: id, changed: workflow.GetSignalChannel(ctx, WindowChanged)}
	// What is due is due until it is done, however long the database is away.
	r.rows = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: rowTimeout,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	})
	workflow.Go(ctx, r.send)
	r.poke() // an earlier run may have left mails
	w, err := r.awaitBegin(ctx)
	if err == nil && w.State == tenant.WindowRunning {
		err = r.work(ctx, w)
	}
	if activities.Superseded(err) {
		return nil // its row is gone: the rule that had planned it was changed
	}
	if err != nil {
		return err
	}
	r.poke()
	return workflow.Await(ctx, func() bool { return !r.unsent && !r.sending })
}

// windowRun is the run of one window.
type windowRun struct {
	id      tenant.WindowID
	rows    workflow.Context
	changed workflow.ReceiveChannel
	// unsent tells that there may be mails to send, and sending that they are being sent.
	unsent, sending bool
}

// awaitBegin announces the window and begins it, each when it is due, and returns it when
// it has begun or does not take place.
func (r *windowRun) awaitBegin(ctx workflow.Context) (activities.WindowView, error) {
	for {
		w, err := r.read(ctx)
		if err != nil || w.State != tenant.WindowPlanned {
			return w, err
		}
		now := workflow.Now(ctx)
		next := w.StartsAt
		switch {
		case !now.Before(w.StartsAt):
			_, err = r.do(ctx, maintenanceActivities.BeginWindow)
			next = now
		case !w.AnnounceAt.IsZero() && !now.Before(w.AnnounceAt):
			_, err = r.do(ctx, maintenanceActivities.AnnounceWindow)
			r.poke()
			next = now
		case !w.AnnounceAt.IsZero():
			next = w.AnnounceAt
		}
		if activities.ClocksDiffer(err) {
			workflow.GetLogger(ctx).Error("what is due of a maintenance window is not done", "window", r.id, "error", err)
			next, err = now.Add(clockPause), nil
		}
		if err == nil && next.After(now) {
			r.sleep(ctx, next.Sub(now))
			err = ctx.Err()
		}
		if err != nil {
			return w, err
		}
	}
}

// work does the tasks, and closes the window at its announced end or, if that has to be
// extended, at a later one. A person who ends it has written that into the row.
func (r *windowRun) work(ctx workflow.Context, w activities.WindowView) error {
	if !w.AnnounceAt.IsZero() { // it was begun at once: people are told meanwhile
		if _, err := r.do(ctx, maintenanceActivities.AnnounceWindow); err != nil {
			return err
		}
		r.poke()
	}
	w, err := r.do(ctx, maintenanceActivities.BeginWindow) // the tasks of one that a person has begun
	if err != nil {
		return err
	}
	tasks, giveUp := workflow.WithCancel(ctx)
	defer giveUp()
	workflow.Go(tasks, func(ctx workflow.Context) { r.doTasks(ctx, w) })
	for w.State == tenant.WindowRunning {
		if left := w.EndsAt.Sub(workflow.Now(ctx)); left > 0 {
			r.sleep(ctx, left)
			w, err = r.read(ctx)
		} else {
			w, err = r.do(ctx, maintenanceActivities.CloseWindow)
			r.poke()
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// doTasks does the tasks one after the other. One that fails does not hold up the others.
func (r *windowRun) doTasks(ctx workflow.Context, w activities.WindowView) {
	if w.ReadOnly && w.Waits {
		r.awaitQuiet(ctx, w)
	}
	retry := &temporal.RetryPolicy{InitialInterval: 5 * time.Second, BackoffCoefficient: 2, MaximumInterval: 2 * time.Minute, MaximumAttempts: taskAttempts}
	doing := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: taskTimeout, HeartbeatTimeout: taskHeartbeat, RetryPolicy: retry})
	for _, task := range w.Tasks {
		request := activities.WindowTaskRequest{Window: r.id, Task: task, Now: workflow.Now(ctx)}
		err := workflow.ExecuteActivity(doing, maintenanceActivities.DoTask, request).Get(ctx, nil)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			continue
		}
		request.Now, request.Failed = workflow.Now(ctx), because(err)
		workflow.GetLogger(ctx).Error("a task of a maintenance window failed", "window", r.id, "task", task, "error", err)
		if err := workflow.ExecuteActivity(r.rows, maintenanceActivities.GiveUpTask, request).Get(ctx, nil); err != nil {
			return // the window is gone
		}
	}
}

// awaitQuiet waits for what runs until half of the window is over: the tasks need the
// rest, and are done beside what still runs.
func (r *windowRun) awaitQuiet(ctx workflow.Context, w activities.WindowView) {
	half := max(w.EndsAt.Sub(workflow.Now(ctx))/2, lookAgain)
	waiting := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: half, ScheduleToCloseTimeout: half, HeartbeatTimeout: taskHeartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
	})
	if err := workflow.ExecuteActivity(waiting, maintenanceActivities.AwaitQuiet).Get(ctx, nil); err != nil && ctx.Err() == nil {
		workflow.GetLogger(ctx).Warn("operations still run: the tasks of the maintenance window are done beside them", "window", r.id, "error", err)
	}
}

// send sends mails whenever there are new ones, beside everything else.
func (r *windowRun) send(ctx workflow.Context) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           runner.QueuesOf(workflow.GetInfo(ctx).TaskQueueName).Email,
		StartToCloseTimeout: noticesTimeout, HeartbeatTimeout: 2 * taskHeartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	})
	for workflow.Await(ctx, func() bool { return r.unsent }) == nil {
		r.unsent, r.sending = false, true
		for {
			var left activities.NoticeReport
			err := workflow.ExecuteActivity(ctx, noticeActivities.SendWindowNotices, r.id).Get(ctx, &left)
			if ctx.Err() != nil || activities.Superseded(err) || err == nil && left.Again == 0 {
				break
			}
			if workflow.Sleep(ctx, max(left.Again, lookAgain)) != nil {
				break
			}
		}
		r.sending = false
	}
}

// poke has mails sent that there may be.
func (r *windowRun) poke() { r.unsent = true }

func (r *windowRun) read(ctx workflow.Context) (w activities.WindowView, err error) {
	err = workflow.ExecuteActivity(r.rows, maintenanceActivities.ReadWindow, r.id).Get(ctx, &w)
	return w, err
}

// do has an activity do what is due now.
func (r *windowRun) do(ctx workflow.Context, what any) (w activities.WindowView, err error) {
	err = workflow.ExecuteActivity(r.rows, what, activities.WindowMoment{Window: r.id, Now: workflow.Now(ctx)}).Get(ctx, &w)
	return w, err
}

// sleep ends after d, or when the row has changed.
func (r *windowRun) sleep(ctx workflow.Context, d time.Duration) {
	timer, cancel := workflow.WithCancel(ctx)
	defer cancel()
	s := workflow.NewSelector(ctx)
	s.AddFuture(workflow.NewTimer(timer, max(d, lookAgain)), func(workflow.Future) {})
	s.AddReceive(r.changed, func(c workflow.ReceiveChannel, _ bool) {
		for more := true; more; more = c.ReceiveAsync(nil) {
			continue // all that came is read at once
		}
	})
	s.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	s.Select(ctx)
}
