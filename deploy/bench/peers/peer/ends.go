package peer

import (
	"context"
	"log/slog"
	"sync"

	"tenant-provisioning/deploy/bench/steps"
	"tenant-provisioning/internal/tenant"
)

// Ends signals that a tenant's last step is done. It works in memory, so that waiting for
// a run costs no engine anything.
type Ends struct {
	mu      sync.Mutex
	waiting map[tenant.OperationID]chan struct{}
}

func newEnds() *Ends { return &Ends{waiting: map[tenant.OperationID]chan struct{}{}} }

// Expect returns what is closed when the operation has ended. Forget it in the end.
func (e *Ends) Expect(id tenant.OperationID) (ended <-chan struct{}, forget func()) {
	ch := make(chan struct{})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting[id] = ch
	return ch, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.waiting, id)
	}
}

// Tell returns the steps, of which the last one tells of the end.
func (e *Ends) Tell(all []steps.Step) []steps.Step {
	last := all[len(all)-1]
	return append(all[:len(all)-1:len(all)-1], steps.Step{Name: last.Name, Do: func(ctx context.Context, f tenant.Fence) error {
		err := last.Do(ctx, f)
		if err == nil {
			e.tell(f.Operation)
		}
		return err
	}})
}

func (e *Ends) tell(id tenant.OperationID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ch, ok := e.waiting[id]; ok {
		close(ch)
		delete(e.waiting, id)
	}
}

// Outspoken returns the steps, each of which logs its failures: the engines keep them to
// themselves or say them where nobody reads, and a pause before a repetition would look
// like slowness.
func Outspoken(all []steps.Step, log *slog.Logger) []steps.Step {
	spoken := make([]steps.Step, len(all))
	for i, step := range all {
		spoken[i] = steps.Step{Name: step.Name, Do: func(ctx context.Context, f tenant.Fence) error {
			err := step.Do(ctx, f)
			if err != nil {
				log.WarnContext(ctx, "a step has failed, and the engine repeats it", "step", step.Name, "operation", f.Operation, "error", err)
			}
			return err
		}}
	}
	return spoken
}
