package tenant

import (
	"cmp"
	"strconv"
)

// Fence is what an attempt at a step must still hold when it commits. Each
// step's transaction locks the operation's row first and ends as
// ErrSuperseded unless all of it matches. So an attempt that was timed out,
// partitioned or cancelled and comes back late changes nothing.
type Fence struct {
	// Kind is empty for a provisioning.
	Kind Kind `json:"kind,omitempty"`
	// To is the status that the operation gives its tenant; empty is the one that
	// its kind reaches.
	To         Status      `json:"to,omitempty"`
	Operation  OperationID `json:"operation"`
	Tenant     ID          `json:"tenant"`
	Generation int         `json:"generation"`
	// Run is the run that claimed the operation. It stays the same over a
	// reset of that run.
	Run string `json:"run"`
	// State is the state in which the attempt may still act: RUNNING for a
	// step, ROLLING_BACK for its undo.
	State State `json:"state"`
}

// OfKind is the operation's kind.
func (f Fence) OfKind() Kind { return cmp.Or(f.Kind, KindProvision) }

// Key is the key of an outside effect: <tenant id>/<generation>/<step> of a
// provisioning, which a generation has once, and <operation id>/<step> of what can
// come again. It never holds a run id, which changes when a run is repeated.
func (f Fence) Key(step Step) string {
	if f.OfKind() == KindProvision {
		return EffectKey(f.Tenant, f.Generation, step)
	}
	return string(f.Operation) + "/" + string(step)
}

// EffectKey is the key by which an outside effect is found again.
func EffectKey(id ID, generation int, step Step) string {
	return string(id) + "/" + strconv.Itoa(generation) + "/" + string(step)
}
