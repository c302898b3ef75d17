package temporalclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tenant-provisioning/internal/doctor"
)

// Facts tells about a server, for who judges whether it fits. Nothing is changed.
type Facts struct {
	Client    client.Client
	Required  Namespace
	Schedules string
	// MainQueue has workflows and activities, OtherQueues activities alone.
	MainQueue   string
	OtherQueues []string
}

var _ doctor.Temporal = Facts{}

// Server asks which one answers.
func (f Facts) Server(ctx context.Context) (doctor.TemporalServer, error) {
	info, err := f.Client.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return doctor.TemporalServer{}, fmt.Errorf("ask for its version: %w", err)
	}
	began := time.Now()
	if _, err := f.Client.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return doctor.TemporalServer{}, fmt.Errorf("ask for its health: %w", err)
	}
	s := doctor.TemporalServer{Version: info.GetServerVersion(), Latency: time.Since(began)}
	cluster, err := f.Client.WorkflowService().GetClusterInfo(ctx, &workflowservice.GetClusterInfoRequest{})
	switch {
	case withheld(err):
		return s, nil
	case err != nil:
		return s, fmt.Errorf("ask how it is built: %w", err)
	}
	s.Told, s.Shards, s.Store = true, int(cluster.GetHistoryShardCount()), cluster.GetPersistenceStore()
	return s, nil
}

// Prepared asks whether the namespace is as Setup makes it.
func (f Facts) Prepared(ctx context.Context) error { return Verify(ctx, f.Client, f.Required) }

// Namespace asks what it keeps and lets be done.
func (f Facts) Namespace(ctx context.Context) (doctor.TemporalNamespace, error) {
	n, err := f.Client.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: f.Required.Name})
	if isUnknown(err) {
		return doctor.TemporalNamespace{}, noNamespace(f.Required)
	}
	if err != nil {
		return doctor.TemporalNamespace{}, fmt.Errorf("ask for namespace %s: %w", f.Required.Name, err)
	}
	able := n.GetNamespaceInfo().GetCapabilities()
	return doctor.TemporalNamespace{
		Retention:  n.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(),
		Removed:    n.GetNamespaceInfo().GetState() == enumspb.NAMESPACE_STATE_DELETED,
		EagerStart: able.GetEagerWorkflowStart(), Updates: able.GetSyncUpdate() && able.GetAsyncUpdate(),
	}, nil
}

// Queues asks who polls.
func (f Facts) Queues(ctx context.Context) ([]doctor.Queue, error) {
	main, err := f.queue(ctx, f.MainQueue, "workflows", enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	queues := []doctor.Queue{main}
	for _, name := range append([]string{f.MainQueue}, f.OtherQueues...) {
		if err != nil {
			break
		}
		var q doctor.Queue
		q, err = f.queue(ctx, name, "activities", enumspb.TASK_QUEUE_TYPE_ACTIVITY)
		queues = append(queues, q)
	}
	return queues, err
}

func (f Facts) queue(ctx context.Context, name, kind string, of enumspb.TaskQueueType) (doctor.Queue, error) {
	q := doctor.Queue{Name: name, Kind: kind}
	asked := time.Now()
	answer, err := f.Client.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: f.Required.Name, TaskQueue: &taskqueuepb.TaskQueue{Name: name}, TaskQueueType: of,
	})
	if err != nil {
		return q, fmt.Errorf("ask who polls the task queue %s: %w", name, err)
	}
	q.Pollers = len(answer.GetPollers())
	var newest time.Time
	for _, p := range answer.GetPollers() {
		if at := p.GetLastAccessTime().AsTime(); at.After(newest) {
			newest = at
		}
	}
	q.Seen = doctor.ClockAt(newest, asked, time.Now(), 0)
	return q, nil
}

// Schedule asks how the reconciler is run.
func (f Facts) Schedule(ctx context.Context) (doctor.Schedule, error) {
	s := doctor.Schedule{ID: f.Schedules, Last: -1}
	d, err := f.Client.ScheduleClient().GetHandle(ctx, f.Schedules).Describe(ctx)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		s.Missing = true
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("ask for the schedule %s: %w", f.Schedules, err)
	}
	if state := d.Schedule.State; state != nil {
		s.Paused, s.Note = state.Paused, state.Note
	}
	if spec := d.Schedule.Spec; spec != nil && len(spec.Intervals) > 0 {
		s.Every = spec.Intervals[0].Every
	}
	if n := len(d.Info.RecentActions); n > 0 {
		s.Last = max(0, time.Since(d.Info.RecentActions[n-1].ActualTime))
	}
	return s, nil
}
