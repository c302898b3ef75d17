package tenant

import "time"

// Move is one transition of an operation, as the workflow writes it by
// compare-and-set.
type Move struct {
	Fence Fence `json:"fence"` // its State is not looked at: From says it
	Event Event `json:"event"`
	// From and To are taken from the transition table.
	From State `json:"from"`
	To   State `json:"to"`
	// Step, Class and Reason describe what stands in the way, or ended the
	// operation; empty when nothing does any more.
	Step   Step         `json:"step,omitempty"`
	Class  FailureClass `json:"class,omitempty"`
	Reason string       `json:"reason,omitempty"`
	// Skipped is nil where no step is given up.
	Skipped *Skipped `json:"skipped,omitempty"`
	// Deadline is when a parked operation decides by itself.
	Deadline time.Time `json:"deadline,omitzero"`
	// BeforePivot tells that the run knows nothing of an active tenant. One that
	// is active all the same, since the answer to that was lost, keeps the
	// transition from being written: it is superseded.
	BeforePivot bool `json:"beforePivot,omitempty"`
}

// Moved is what a Move has found.
type Moved struct {
	// Before tells that the state was reached already, by the same move whose answer was
	// lost, or by the commit of a step that was done after all. Step, Class and Reason are
	// what the row says then.
	Before bool         `json:"before,omitempty"`
	Step   Step         `json:"step,omitempty"`
	Class  FailureClass `json:"class,omitempty"`
	Reason string       `json:"reason,omitempty"`
}

// Skipped are steps that a person, a deadline or a cancel gave up, and why: what
// they failed of.
type Skipped struct {
	Steps  []Step       `json:"steps"`
	Class  FailureClass `json:"class,omitempty"`
	Reason string       `json:"reason,omitempty"`
}

// Claim is what a run finds when it takes its operation.
type Claim struct {
	// Claimed is false when the operation belongs to another run or is closed:
	// the run ends without doing anything.
	Claimed     bool `json:"claimed"`
	PivotPassed bool `json:"pivotPassed"`
	// State is where the operation is: RUNNING, unless the run was reset or
	// has taken the operation over. Empty means RUNNING.
	State State `json:"state,omitempty"`
	// TakenOver tells that an earlier run of the operation was terminated or
	// is gone: whatever it may have begun has to be counted with.
	TakenOver bool `json:"takenOver,omitempty"`
	// Undos names what a rollback would undo by now, newest first: an earlier run
	// may have done more than this one has yet.
	Undos []string `json:"undos,omitempty"`
	// Settled has the steps that are not done again, by what became of them: those
	// that were skipped and, after the pivot, those that are done.
	Settled map[Step]StepStatus `json:"settled,omitempty"`
	// FailedStep, FailureClass and Reason are why the operation is not RUNNING.
	FailedStep   Step         `json:"failedStep,omitempty"`
	FailureClass FailureClass `json:"failureClass,omitempty"`
	Reason       string       `json:"reason,omitempty"`
}
