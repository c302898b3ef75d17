package fleet

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
)

// ErrTypeActionInvalid is the type of the error that answers an action without an actor
// or a reason.
const ErrTypeActionInvalid = "ActionInvalid"

// open takes the actions, as updates and as signals of the same names, the wake-up of
// whoever has changed the row, and the query.
func (r *run) open(ctx workflow.Context) error {
	for _, action := range tenant.FleetActions() {
		about := fmt.Sprintf("%s the run: {\"actor\": who, \"reason\": why}", action)
		if err := workflow.SetUpdateHandlerWithOptions(ctx, string(action), func(ctx workflow.Context, req tenant.ActionRequest) error {
			return r.act(ctx, action, req)
		}, workflow.UpdateHandlerOptions{Validator: valid, Description: about}); err != nil {
			return err
		}
		r.receive(ctx, action, about)
	}
	wake := workflow.GetSignalChannel(ctx, SignalWake)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for wake.Receive(ctx, nil) {
			r.woken = true
		}
	})
	return workflow.SetQueryHandlerWithOptions(ctx, QueryProgress, func() (tenant.FleetStep, error) {
		s := r.step
		s.Tenants = nil
		return s, nil
	}, workflow.QueryHandlerOptions{Description: "where the run is"})
}

// valid checks the form of an update: what a state forbids is accepted and then refused,
// so that the refusal can be audited.
func valid(req tenant.ActionRequest) error {
	if _, err := req.Clean(); err != nil {
		return temporal.NewApplicationErrorWithOptions(err.Error(), ErrTypeActionInvalid, temporal.ApplicationErrorOptions{NonRetryable: true})
	}
	return nil
}

// receive takes signals of an action's name, for whose answer nobody waits.
func (r *run) receive(ctx workflow.Context, action tenant.FleetAction, about string) {
	signals := workflow.GetSignalChannelWithOptions(ctx, string(action), workflow.SignalChannelOptions{Description: about})
	workflow.Go(ctx, func(ctx workflow.Context) {
		var raw converter.RawValue
		for signals.Receive(ctx, &raw) {
			var req tenant.ActionRequest
			if err := converter.GetDefaultDataConverter().FromPayload(raw.Payload(), &req); err != nil {
				workflow.GetLogger(ctx).Warn("signal refused: its input cannot be read", "action", action, "error", err)
				continue
			}
			if err := r.act(ctx, action, req); err != nil {
				workflow.GetLogger(ctx).Warn("signal refused", "action", action, "error", err)
			}
		}
	})
}

// act has an action written into the run's row, and audited there.
func (r *run) act(ctx workflow.Context, action tenant.FleetAction, req tenant.ActionRequest) error {
	r.requests++
	defer func() { r.requests-- }()
	clean, err := req.Clean()
	if err != nil {
		return valid(req)
	}
	ctx = workflow.WithActivityOptions(ctx, stateOptions(string(action)))
	err = workflow.ExecuteActivity(ctx, fleetActivities.ActOnFleet, activities.FleetRequest{Fleet: r.in.Fleet, Action: action, Request: clean}).Get(ctx, nil)
	r.woken = true
	return err
}

// show shows in the Web UI where the run is.
func (r *run) show(ctx workflow.Context) {
	s := r.step
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**, wave %d of %d: %d of %d tenants are done, %d have failed\n\n", s.State, s.Wave+1, s.Waves, s.Counts.Done, s.Counts.Total(), s.Counts.Failed)
	if s.Note != "" {
		fmt.Fprintf(&b, "%s\n\n", s.Note)
	}
	if allowed := tenant.AllowedFleetActions(s.State); len(allowed) > 0 {
		info := workflow.GetInfo(ctx)
		b.WriteString("Allowed now (a reason is kept in clear):\n\n```\n")
		for _, a := range allowed {
			fmt.Fprintf(&b, "temporal workflow signal --namespace %s \\\n  --workflow-id %s \\\n  --name %s --input '{\"actor\":\"WHO\",\"reason\":\"WHY\"}'\n", info.Namespace, info.WorkflowExecution.ID, a)
		}
		b.WriteString("```\n")
	}
	workflow.SetCurrentDetails(ctx, b.String())
}
