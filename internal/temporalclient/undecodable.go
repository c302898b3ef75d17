package temporalclient

import (
	"context"
	"errors"
	"fmt"
	"slices"

	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// What cannot be decoded fails the workflow task, which Temporal repeats until a
// worker can, and never the run. By itself the SDK fails a run whose input it
// cannot decode, for good, and gives a workflow an error where a result or a
// failure cannot be decoded, on which it would decide. A panic in a workflow
// fails the task.

// inWorkflows is a data converter that panics in workflows, and nowhere else.
type inWorkflows struct{ converter.DataConverter }

var _ workflow.ContextAware = inWorkflows{}

// WithWorkflowContext implements workflow.ContextAware.
func (c inWorkflows) WithWorkflowContext(workflow.Context) converter.DataConverter {
	return panicking(c)
}

// WithContext implements workflow.ContextAware.
func (c inWorkflows) WithContext(context.Context) converter.DataConverter { return c }

type panicking struct{ converter.DataConverter }

// FromPayload implements converter.DataConverter.
func (c panicking) FromPayload(payload *commonpb.Payload, value any) error {
	return mustDecode(c.DataConverter.FromPayload(payload, value), value)
}

// FromPayloads implements converter.DataConverter.
func (c panicking) FromPayloads(payloads *commonpb.Payloads, values ...any) error {
	return mustDecode(c.DataConverter.FromPayloads(payloads, values...), values...)
}

// mustDecode panics on an error, but for one: what a workflow takes as it comes
// is a person's request, and anybody can send one that no key opens. Such a
// request is refused, and holds nothing up.
func mustDecode(err error, values ...any) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errAltered) && !slices.ContainsFunc(values, func(v any) bool { _, raw := v.(*converter.RawValue); return !raw }) {
		return err
	}
	panic(fmt.Sprintf("the run waits for a worker that can read it: %v", err)) //nolint:forbidigo // a workflow's task fails by a panic alone
}

// failuresInWorkflows panics on a failure that cannot be decoded. A worker
// decodes failures only in workflows.
type failuresInWorkflows struct {
	converter.FailureConverter
	codec *Codec
}

// FailureToError implements converter.FailureConverter.
func (c failuresInWorkflows) FailureToError(failure *failurepb.Failure) error {
	if failure == nil {
		return nil
	}
	err := mustDecode(proxy.VisitPayloads(context.Background(), failure, proxy.VisitPayloadsOptions{
		Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
			_, err := c.codec.Decode(payloads)
			return payloads, err
		},
	}), failure)
	if err != nil {
		return err
	}
	return c.FailureConverter.FailureToError(failure)
}
