package main

import (
	"context"
	"log/slog"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"

	"tenant-provisioning/internal/logging"
	"tenant-provisioning/internal/tenant"
)

// subjects has every line of an activity say what it is about: of the activity's
// own logger, and of whatever logs with its context.
type subjects struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity is called for each attempt.
func (*subjects) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	s := &activitySubject{}
	s.Next = next
	return s
}

type activitySubject struct {
	interceptor.ActivityInboundInterceptorBase
}

// Init puts the logger in between.
func (s *activitySubject) Init(outbound interceptor.ActivityOutboundInterceptor) error {
	o := &activityLogger{}
	o.Next = outbound
	return s.Next.Init(o) //nolint:wrapcheck // the SDK's chain
}

// ExecuteActivity notes what the attempt is about: by the SDK what it is, by what
// it is given which tenant and operation it works for.
func (s *activitySubject) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	ctx = logging.With(ctx,
		slog.String(logging.KeyWorkflow, info.WorkflowExecution.ID), slog.String(logging.KeyRun, info.WorkflowExecution.RunID),
		slog.String("activity", info.ActivityType.Name), slog.Int("attempt", int(info.Attempt)))
	for _, arg := range in.Args {
		logging.Note(ctx, named(arg)...)
	}
	return s.Next.ExecuteActivity(ctx, in) //nolint:wrapcheck // the SDK's chain
}

// named is what an argument names.
func named(arg any) []slog.Attr {
	switch a := arg.(type) {
	case tenant.Fence:
		return []slog.Attr{slog.String(logging.KeyTenant, string(a.Tenant)), slog.String(logging.KeyOperation, string(a.Operation))}
	case tenant.Move:
		return named(a.Fence)
	case tenant.AuditEntry:
		return []slog.Attr{slog.String(logging.KeyTenant, string(a.Tenant)), slog.String(logging.KeyOperation, string(a.Operation))}
	}
	return nil
}

// activityLogger gives the activity's logger what the SDK does not know.
type activityLogger struct {
	interceptor.ActivityOutboundInterceptorBase
}

// GetLogger is what activity.GetLogger answers.
func (l *activityLogger) GetLogger(ctx context.Context) log.Logger {
	return log.With(l.Next.GetLogger(ctx), logging.Noted(ctx, logging.KeyTenant, logging.KeyOperation)...)
}
