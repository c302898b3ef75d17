package tenant

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// RollbackPlan is what a rollback would do now.
type RollbackPlan struct {
	Operation OperationID
	State     State
	// Steps are the undos in the order in which they are done.
	Steps []UndoStep
	// Remains is what no rollback removes.
	Remains []string
	// Hash names the plan. A rollback that carries it is refused when the plan
	// is another one by then.
	Hash string
}

// UndoStep is one undo of a plan.
type UndoStep struct {
	Name string
	// Undoes are the steps whose effect it takes back.
	Undoes []Step
	// Does says in plain words what happens.
	Does string
	// Reversible tells that nothing is left of the effect. It is false for the
	// ledger, where what happened stays readable for everybody.
	Reversible bool
}

// PlanRollback is the plan for an operation as its row and its log have it. A
// step that is being done is part of it: a rollback waits until it has settled
// and undoes it as well. A stage that follows one that is done counts as begun.
func PlanRollback(t Tenant, o Operation, logs []LogEntry) RollbackPlan {
	lifecycle := o.Lifecycle()
	p := RollbackPlan{Operation: o.ID, State: o.State, Remains: []string{lifecycle.Remains}}
	for _, stage := range o.toUndo(logs) {
		p.Steps = append(p.Steps, stage.Undo.of(t, stage.Covers))
		if stage.Undo.Remains != "" && !slices.Contains(p.Remains, stage.Undo.Remains) {
			p.Remains = append(p.Remains, stage.Undo.Remains)
		}
	}
	accepted := []Step{}
	if lifecycle.Accepted != "" {
		accepted = append(accepted, lifecycle.Accepted)
	}
	p.Steps = append(p.Steps, lifecycle.Unaccept.of(t, accepted))
	p.Hash = PlanHash(o.ID, o.Generation, o.Undos(logs))
	return p
}

// Undos names what a rollback would undo now, newest first, without how it ends for
// the tenant's row.
func (o Operation) Undos(logs []LogEntry) []string {
	names := []string{}
	for _, stage := range o.toUndo(logs) {
		names = append(names, stage.Undo.Name)
	}
	return names
}

// toUndo lists the stages that may have had an effect which can be undone, newest
// first.
func (o Operation) toUndo(logs []LogEntry) []Stage {
	lifecycle := o.Lifecycle()
	var stages []Stage
	for i, stage := range slices.Backward(lifecycle.Stages[:lifecycle.AfterPivot()]) {
		if stage.Undo != nil && begun(lifecycle.Stages, i, o, logs) {
			stages = append(stages, stage)
		}
	}
	return stages
}

// begun reports that a stage may have had an effect.
func begun(stages []Stage, i int, o Operation, logs []LogEntry) bool {
	if i == 0 {
		return o.State != StatePending
	}
	before := stages[i-1].Covers[len(stages[i-1].Covers)-1]
	return slices.ContainsFunc(logs, func(l LogEntry) bool {
		return slices.Contains(stages[i].Covers, l.Step) || l.Step == before && l.Status == StepCompleted
	})
}

// of is the undo as a step of a plan.
func (u Undo) of(t Tenant, undoes []Step) UndoStep {
	steps := slices.Clone(undoes)
	slices.Reverse(steps)
	return UndoStep{Name: u.Name, Undoes: steps, Does: u.Does(t), Reversible: u.Reversible}
}

// planHashLength is how many hex digits of the hash are shown: enough that no
// two plans of an operation share them, few enough to be typed.
const planHashLength = 16

// PlanHash names the plan that consists of these undos, in this order, without
// what the end of the rollback does to the tenant's row. The run computes it from the
// undos that it would do, everybody else by PlanRollback.
func PlanHash(operation OperationID, generation int, undos []string) string {
	sum := sha256.Sum256([]byte(string(operation) + "/" + strconv.Itoa(generation) + "\n" + strings.Join(undos, "\n")))
	return hex.EncodeToString(sum[:])[:planHashLength]
}
