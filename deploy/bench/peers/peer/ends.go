package peer

import (
	"context"
	"sync"

	"tenant-provisioning/deploy/bench/steps"
	"tenant-provisioning/internal/tenant"
)

// Ends tells who waits for a tenant that its last step is done. It is asked in memory:
// no engine is slowed down by how somebody waits for it.
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
