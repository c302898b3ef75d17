package tenant

import "slices"

// Kind says what an operation does to its tenant.
type Kind string

// Lifecycle is a row of the table of kinds: all that is particular to one kind of
// operation. Acceptance, transitions of the tenant, rollback plans, allowed
// actions, names of steps, incidents and the reconciler read it; no kind and no
// status is decided anywhere else.
type Lifecycle struct {
	Kind Kind
	// Verb is what asking for it is called, where the tenant is there: in the API,
	// on the command line and in the audit log.
	Verb string
	// Workflow is the type of its workflow in Temporal. It is frozen: runs that
	// are under way have recorded it.
	Workflow string
	// From lists the statuses of a tenant that may have such an operation. One that
	// provisions may come with its tenant.
	From []Status
	// TakesName tells that the tenant's name must be free, and is held from the
	// acceptance on.
	TakesName bool
	// Renames tells that whoever asks for it may give the tenant a new name, which is
	// then the one that must be free.
	Renames bool
	// Anew tells that the operation begins a generation of its own.
	Anew bool
	// Waiting is the tenant's status from the acceptance to the claim, and Running
	// from there to the pivot. Empty is the status that the tenant has.
	Waiting, Running Status
	// Reaches is the tenant's status from the pivot on, or from the end where the
	// claim is the pivot; empty is the one from which it was archived, unless Keeps.
	Reaches Status
	// Keeps tells that the tenant has the same status afterwards, whichever that is.
	Keeps bool
	// TakesBackup tells that whoever asks for it names a backup of the tenant.
	TakesBackup bool
	// Undone is the tenant's status after a rollback; empty is the one that it had.
	Undone Status
	// FailsClosed tells that a failure before the pivot takes nothing back by
	// itself: the operation waits for a person, its deadline tells people again,
	// and a run that takes over goes on. Only a person's rollback or cancel undoes.
	FailsClosed bool
	// ClaimIsPivot tells that nothing is undone from the claim on. The claim looks
	// once more whether the tenant may have the operation, and the tenant has the
	// status Reaches only with the end of the last stage.
	ClaimIsPivot bool
	// Yields tells that a later operation of another kind ends it, wherever it is: it
	// has nothing to undo, and must not keep a tenant from being suspended for as long
	// as a provider is away.
	Yields bool
	// Accepted is the step that the acceptance itself has done; empty for none.
	Accepted Step
	// Unaccept is how a rollback ends for the tenant's row; its effect is part of
	// the transition to ROLLED_BACK.
	Unaccept Undo
	// Remains is what no rollback removes, in plain words.
	Remains string
	// Stages are what the operation does, in order.
	Stages []Stage
}

// Stage is one activity of an operation: the steps that it covers, and how it is
// undone.
type Stage struct {
	// Activity is the activity's type in Temporal. It is frozen.
	Activity string
	// Summary is what Temporal Web UI shows beside it.
	Summary string
	// Covers lists its steps, in order. A failure is put down to the first when no
	// attempt could say.
	Covers []Step
	// Needs is what a failure of the first step is put down to when many fail
	// alike. The others keep their state in the database.
	Needs Dependency
	// Pivot tells that nothing is undone once this stage is done.
	Pivot bool
	// When tells that an operation which leads from one status to another has this
	// stage; nil is always.
	When func(from, to Status) bool
	// Since names the change since which operations of the kind have this stage: runs
	// that were under way then end without it. Empty is from the first on.
	Since string
	// Skippable tells that an administrator may skip the stage while it is parked,
	// although the operation is not whole without it: a lost key or a reset network
	// must not keep a tenant from being suspended. It leaves a finding.
	Skippable bool
	// Optional tells that the operation can succeed without it. Only stages after
	// the pivot are.
	Optional bool
	// Undo is nil for what cannot or need not be undone.
	Undo *Undo
}

// Undo takes a stage's effect back.
type Undo struct {
	// Activity is the undo's type in Temporal; empty for the end of a rollback,
	// which needs none. It is frozen.
	Activity string
	// Name is what the run, its history and people call it. It is frozen.
	Name string
	// Does says in plain words what happens.
	Does func(Tenant) string
	// Reversible tells that nothing is left of the effect. It is false for the
	// ledger, where what happened stays readable for everybody.
	Reversible bool
	// Remains is what is left of the effect all the same; empty for nothing.
	Remains string
}

// Lifecycles lists the rows of the table of kinds, in the order in which they are
// documented.
func Lifecycles() []Lifecycle { return slices.Clone(lifecycles) }

// Lifecycle is the kind's row. A kind that only a newer version knows has an empty
// one, and false.
func (k Kind) Lifecycle() (Lifecycle, bool) {
	for _, l := range lifecycles {
		if l.Kind == k {
			return l, true
		}
	}
	return Lifecycle{Kind: k}, false
}

// Verb is what asking for the kind is called, where the tenant is there.
func (k Kind) Verb() string {
	l, _ := k.Lifecycle()
	return l.Verb
}

// UrgentKinds lists the kinds that end access: nothing goes before them.
func UrgentKinds() []Kind {
	var kinds []Kind
	for _, l := range lifecycles {
		if l.FailsClosed {
			kinds = append(kinds, l.Kind)
		}
	}
	return kinds
}

// DeployingKinds lists the kinds that make a tenant's contract, and what comes before it:
// those that take room, and so are not started while anything is short.
func DeployingKinds() []Kind {
	var kinds []Kind
	for _, l := range lifecycles {
		if slices.ContainsFunc(l.Stages, func(s Stage) bool { return slices.Contains(s.Covers, StepDeployContract) }) {
			kinds = append(kinds, l.Kind)
		}
	}
	return kinds
}

// Kinds lists every kind.
func Kinds() []Kind {
	var kinds []Kind
	for _, l := range lifecycles {
		kinds = append(kinds, l.Kind)
	}
	return kinds
}

// Steps lists the kind's steps by their names in the log, in order.
func (k Kind) Steps() []Step {
	l, _ := k.Lifecycle()
	return l.Steps()
}

// Steps lists the steps by their names in the log, in order.
func (l Lifecycle) Steps() []Step {
	var steps []Step
	if l.Accepted != "" {
		steps = append(steps, l.Accepted)
	}
	for _, s := range l.Stages {
		steps = append(steps, s.Covers...)
	}
	return steps
}

// Steps lists the steps of all kinds by their names in the log, each once.
func Steps() []Step {
	var all []Step
	for _, l := range lifecycles {
		for _, s := range l.Steps() {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// StageOf is the index of the stage that covers a step, or -1.
func (l Lifecycle) StageOf(step Step) int {
	return slices.IndexFunc(l.Stages, func(s Stage) bool { return slices.Contains(s.Covers, step) })
}

// AfterPivot is the index of the first stage after the pivot.
func (l Lifecycle) AfterPivot() int {
	if l.ClaimIsPivot {
		return 0
	}
	for i, s := range slices.Backward(l.Stages) {
		if s.Pivot {
			return i + 1
		}
	}
	return len(l.Stages)
}

// Marks reports whether the tenant has the status that the operation leads to once
// the stage of this index is done.
func (l Lifecycle) Marks(stage int) bool {
	return l.Stages[stage].Pivot || l.ClaimIsPivot && stage == len(l.Stages)-1
}

// Between is the row with the stages alone that an operation has which leads from
// one status to another.
func (l Lifecycle) Between(from, to Status) Lifecycle {
	l.Stages = slices.DeleteFunc(slices.Clone(l.Stages), func(s Stage) bool { return s.When != nil && !s.When(from, to) })
	return l
}

// StatusIn is the status of a tenant whose newest operation is in this state, on
// this side of the pivot; empty is the one that it had when the operation was
// accepted. to is the one that it leads to.
func (l Lifecycle) StatusIn(s State, pivotPassed bool, to Status) Status {
	switch {
	case s == StateSucceeded, pivotPassed && !l.ClaimIsPivot:
		return to
	case s == StatePending:
		return l.Waiting
	case s == StateRolledBack:
		return l.Undone
	}
	return l.Running
}

// Accepts reports whether a tenant in this status may have such an operation.
func (l Lifecycle) Accepts(s Status) bool { return slices.Contains(l.From, s) }

// NeedsReason reports whether whoever asks for it has to say why: it ends something
// that people may still need.
func (l Lifecycle) NeedsReason() bool {
	return l.TakesBackup || l.Reaches != "" && l.Reaches != StatusActive
}

// Deletion is the kind of operation that deletes a tenant in this status: one that
// can be taken back for a while, where anybody ever worked with it.
func (s Status) Deletion() Kind {
	if purge, _ := KindPurge.Lifecycle(); s == StatusFailed && purge.Accepts(s) {
		return KindPurge
	}
	return KindArchive
}

// CleanReason trims and checks why somebody asks for it. The error, if any, is an
// *InvalidError.
func (l Lifecycle) CleanReason(reason string) (string, error) {
	if reason == "" && !l.NeedsReason() {
		return "", nil
	}
	r, err := ActionRequest{Actor: "-", Reason: reason}.Clean()
	return r.Reason, err
}
