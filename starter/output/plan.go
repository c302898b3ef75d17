package output

import (
	"fmt"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Plan is what a rollback would do now.
type Plan struct {
	OperationID tenant.OperationID `json:"operationId"`
	State       tenant.State       `json:"state"`
	PlanHash    string             `json:"planHash"`
	Steps       []Undo             `json:"steps"`
	Remains     []string           `json:"remains"`
}

// Undo is one step of a plan.
type Undo struct {
	Name       string        `json:"name"`
	Undoes     []tenant.Step `json:"undoes"`
	Does       string        `json:"does"`
	Reversible bool          `json:"reversible"`
}

// NewPlan makes the document.
func NewPlan(p tenant.RollbackPlan) Plan {
	d := Plan{OperationID: p.Operation, State: p.State, PlanHash: p.Hash, Steps: []Undo{}, Remains: p.Remains}
	for _, u := range p.Steps {
		d.Steps = append(d.Steps, Undo{Name: u.Name, Undoes: u.Undoes, Does: u.Does, Reversible: u.Reversible})
	}
	return d
}

// Text is the steps in order, what stays, and the command that does it.
func (p Plan) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "nothing was undone; a rollback of operation %s (%s) would now\n\n", p.OperationID, p.State)
	for i, u := range p.Steps {
		note := ""
		if !u.Reversible {
			note = "   (cannot be truly undone)"
		}
		fmt.Fprintf(&b, "  %d. %s%s\n     %s\n", i+1, u.Name, note, Visible(u.Does))
	}
	b.WriteString("\nwhat stays:\n")
	for _, r := range p.Remains {
		fmt.Fprintf(&b, "  - %s\n", r)
	}
	fmt.Fprintf(&b, "\nDo it, unless the plan changes meanwhile:\n  starter rollback %s --plan-hash %s --reason \"WHY\"\n", p.OperationID, p.PlanHash)
	return b.String()
}
