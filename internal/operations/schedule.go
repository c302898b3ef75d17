package operations

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/workflows"
)

// schedule is what Temporal starts by itself.
type schedule struct {
	id, workflow string
	args         []any
	// every is the interval. A round that was missed while Temporal was away may start so
	// late: one of them is as good as all.
	every time.Duration
	// daily is the time of the day, in UTC, in the place of an interval that begins
	// anywhere.
	daily *Daily
	// lasts is when a round is given up.
	lasts time.Duration
	note  string
	// idle is what does not happen without it.
	idle string
}

// Daily is a time of every day, in UTC.
type Daily struct{ Hour, Minute int }

// schedules are all of them, with the backup at a time of the day.
func schedules(backup Daily) []schedule {
	return []schedule{
		{
			id: workflows.BackupSchedule, workflow: workflows.StartBackupName, every: 24 * time.Hour, daily: &backup, lasts: time.Hour,
			note: "accepts the daily backup of every tenant and of the control tables",
			idle: "no backup is made by itself",
		},
		{
			id: workflows.DrillSchedule, workflow: workflows.StartDrillName, every: workflows.DrillInterval, lasts: time.Hour,
			note: "accepts the weekly drill: a random sample of backups is restored for practice",
			idle: "nobody tries by itself whether backups can be restored",
		},
		{
			id: workflows.ReconcileSchedule, workflow: workflows.ReconcileName, args: []any{workflows.ReconcileInput{}},
			every: workflows.ReconcileInterval, lasts: 2 * workflows.ReconcileInterval,
			note: "finds what a termination, a restore or a person with psql left, and repairs what is safe to repair",
			idle: "nothing is reconciled by itself",
		},
		{
			id: workflows.KeepSchedule, workflow: workflows.KeepName, every: workflows.KeepInterval, lasts: workflows.KeepInterval,
			note: "keeps the contracts of living tenants and their code from being archived on the ledger",
			idle: "contracts and their code will be archived on the ledger",
		},
		{
			id: workflows.MaintainSchedule, workflow: workflows.MaintainName, every: workflows.MaintainInterval, lasts: 2 * workflows.MaintainInterval,
			note: "plans maintenance windows, and starts the run of each that begins soon",
			idle: "no maintenance window is planned, announced or begun by itself",
		},
		{
			id: workflows.LogsSchedule, workflow: workflows.LogsName, every: workflows.LogsInterval, lasts: workflows.LogsInterval,
			note: "moves old provisioning logs to the backup store, and deletes what of the audit log need not be kept any more",
			idle: "old logs stay in the database",
		},
	}
}

// Schedule makes the schedules, or brings them up to date, and tells of each. One that a
// person has paused stays paused.
func Schedule(ctx context.Context, c client.Client, taskQueue string, backup Daily, report func(string)) error {
	for _, s := range schedules(backup) {
		if err := s.ensure(ctx, c, taskQueue); err != nil {
			return fmt.Errorf("schedule %s: %w", s.id, err)
		}
		report(fmt.Sprintf("%s is scheduled %s (%s)", s.workflow, s.when(), s.id))
	}
	return nil
}

func (s schedule) when() string {
	if s.daily != nil {
		return fmt.Sprintf("daily at %02d:%02d UTC", s.daily.Hour, s.daily.Minute)
	}
	return "every " + s.every.String()
}

func (s schedule) spec() client.ScheduleSpec {
	if s.daily != nil {
		return client.ScheduleSpec{Calendars: []client.ScheduleCalendarSpec{{
			Hour: []client.ScheduleRange{{Start: s.daily.Hour}}, Minute: []client.ScheduleRange{{Start: s.daily.Minute}},
		}}}
	}
	return client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: s.every}}}
}

func (s schedule) ensure(ctx context.Context, c client.Client, taskQueue string) error {
	action := &client.ScheduleWorkflowAction{ID: s.id, Workflow: s.workflow, TaskQueue: taskQueue, Args: s.args, WorkflowExecutionTimeout: s.lasts}
	spec := s.spec()
	_, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: s.id, Spec: spec, Action: action, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: s.every, Note: s.note,
	})
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return err
	}
	return c.ScheduleClient().GetHandle(ctx, s.id).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			now := in.Description.Schedule
			now.Action, now.Spec = action, &spec
			if now.Policy == nil {
				now.Policy = &client.SchedulePolicies{}
			}
			now.Policy.Overlap, now.Policy.CatchupWindow = enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, s.every
			return &client.ScheduleUpdate{Schedule: &now}, nil
		},
	})
}

// CheckSchedule asks whether everything is scheduled. absent says in plain words what is
// not, and how to mend that; an error, that nobody knows.
func CheckSchedule(ctx context.Context, c client.Client) (absent string, err error) {
	all := schedules(Daily{})
	missing := make([]string, len(all))
	var asked errgroup.Group // at once: each may take its time
	for n, s := range all {
		asked.Go(func() error {
			_, err := c.ScheduleClient().GetHandle(ctx, s.id).Describe(ctx)
			if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
				missing[n] = "the schedule " + s.id + " is not there, so " + s.idle + "; run: starter setup"
				return nil
			}
			if err != nil {
				return fmt.Errorf("ask for the schedule %s: %w", s.id, err)
			}
			return nil
		})
	}
	if err := asked.Wait(); err != nil {
		return "", err
	}
	return cmp.Or(missing...), nil
}
