package runner

import (
	"fmt"
	"slices"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/internal/tenant"
)

// Why a signal is refused before anything is decided about it.
const (
	unreadable      = `its input cannot be read: it must be JSON like {"actor":"WHO","reason":"WHY"}`
	undecryptable   = "its input cannot be decrypted: it was altered, or another key has the id of its key; send it in clear"
	unknownSignal   = "there is no signal %.40q: a run takes retry, skip and rollback, and a cancel by temporal workflow cancel"
	actionOfUnknown = tenant.Action("signal")
)

// changeRefuseLost guards the audit of signals that used to be dropped in
// silence: in the history of a run that has got one, nothing follows from it.
const changeRefuseLost = "refuse-lost-signals"

// receive takes signals of an action's name, for whose answer nobody waits.
func (d *desk) receive(ctx workflow.Context, action tenant.Action) {
	signals := workflow.GetSignalChannelWithOptions(ctx, string(action), workflow.SignalChannelOptions{
		Description: fmt.Sprintf("%s the operation: {\"actor\": who, \"reason\": why}", action),
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		ctx, cancel := workflow.NewDisconnectedContext(ctx)
		defer cancel()
		for {
			if err := workflow.Await(ctx, func() bool { return signals.Len() > 0 }); err != nil {
				return
			}
			for _, s := range take(signals) {
				if s.wrong != "" {
					d.refuse(ctx, action, s.request, s.wrong)
				} else if _, err := d.decide(action, s.request); err != nil {
					d.record.log.Warn("signal refused", "action", action, "error", err)
				}
			}
		}
	})
}

// signal is one that has come; wrong says why its request cannot be read.
type signal struct {
	request tenant.ActionRequest
	wrong   string
}

// take takes all signals that have come. One that the data converter refuses is
// dropped by the SDK on the way to the next: it is known by its absence alone.
func take(signals workflow.ReceiveChannel) []signal {
	var taken []signal
	for left := signals.Len(); left > 0; left = signals.Len() {
		var raw converter.RawValue
		got := signals.ReceiveAsync(&raw)
		lost := left - signals.Len()
		if got {
			lost--
		}
		taken = append(taken, slices.Repeat([]signal{{wrong: undecryptable}}, lost)...)
		if got {
			taken = append(taken, read(raw.Payload()))
		}
	}
	return taken
}

// read takes a signal's input for a request. Without any, the request is empty.
func read(input *commonpb.Payload) signal {
	var s signal
	if input == nil {
		return s
	}
	if err := converter.GetDefaultDataConverter().FromPayload(input, &s.request); err != nil {
		return signal{wrong: unreadable}
	}
	return s
}

// refuse audits a signal about which nothing can be decided.
func (d *desk) refuse(ctx workflow.Context, action tenant.Action, req tenant.ActionRequest, why string) {
	if workflow.GetVersion(ctx, changeRefuseLost, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	d.record.requests++
	d.audit(action, req.Legible(), tenant.OutcomeRefused, why)
	d.record.log.Warn("signal refused", "action", action, "error", why)
}

// refuseUnknown takes the signals that no action has for a name: who has
// mistyped one would wait for ever.
func (d *desk) refuseUnknown(ctx workflow.Context) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	for {
		var names []string
		if err := workflow.Await(ctx, func() bool {
			names = slices.DeleteFunc(workflow.GetUnhandledSignalNames(ctx), func(name string) bool {
				return slices.Contains(tenant.Actions(), tenant.Action(name))
			})
			return len(names) > 0
		}); err != nil {
			return
		}
		slices.Sort(names)
		for _, name := range names {
			for _, s := range take(workflow.GetSignalChannel(ctx, name)) {
				d.refuse(ctx, actionOfUnknown, s.request, fmt.Sprintf(unknownSignal, name))
			}
		}
	}
}
