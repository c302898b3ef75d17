package tenant

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// The undos of a provisioning, by the names that the run, its history and the
// Web UI have for them.
const (
	UndoSchema   = "drop schema and role"
	UndoContract = "terminate the contract"
	UndoRecord   = "mark the tenant FAILED"
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
// and undoes it as well. A step that follows one that is done counts as begun.
func PlanRollback(t Tenant, o Operation, logs []LogEntry) RollbackPlan {
	p := RollbackPlan{Operation: o.ID, State: o.State, Remains: []string{
		"the tenant's record (FAILED), the operation, its log and the audit log",
	}}
	logged := func(step Step, statuses ...StepStatus) bool {
		return slices.ContainsFunc(logs, func(l LogEntry) bool {
			return l.Step == step && (len(statuses) == 0 || slices.Contains(statuses, l.Status))
		})
	}
	if logged(StepDeployContract) || logged(StepSeedRolesAndUser, StepCompleted) {
		contract := "the contract, if one was made by then"
		if t.ContractID != "" {
			contract = "the contract " + t.ContractID
		}
		p.Steps = append(p.Steps, UndoStep{
			Name: UndoContract, Undoes: []Step{StepStoreContract, StepDeployContract},
			Does: "finds out what became of every transaction that was sent, and sets " + contract + " to terminated, for good",
		})
		p.Remains = append(p.Remains,
			"on the ledger: the contract, terminated, its transactions and the fees that they cost; a ledger cannot be undone")
	}
	if o.State != StatePending {
		p.Steps = append(p.Steps, UndoStep{
			Name: UndoSchema, Undoes: []Step{StepSeedRolesAndUser, StepRunMigrations, StepCreateSchema}, Reversible: true,
			Does: "drops the schema " + t.Schema + " with all its tables, and the role " + t.Role,
		})
	}
	p.Steps = append(p.Steps, UndoStep{
		Name: UndoRecord, Undoes: []Step{StepCreateTenantRecord}, Reversible: true,
		Does: "marks the tenant FAILED; its name is free again, and it can be provisioned anew",
	})
	names := make([]string, len(p.Steps)-1)
	for i := range names {
		names[i] = p.Steps[i].Name
	}
	p.Hash = PlanHash(o.ID, o.Generation, names)
	return p
}

// planHashLength is how many hex digits of the hash are shown: enough that no
// two plans of an operation share them, few enough to be typed.
const planHashLength = 16

// PlanHash names the plan that consists of these undos, in this order, before
// the tenant is marked FAILED. The run computes it from the undos that it
// would do, everybody else by PlanRollback.
func PlanHash(operation OperationID, generation int, undos []string) string {
	sum := sha256.Sum256([]byte(string(operation) + "/" + strconv.Itoa(generation) + "\n" + strings.Join(undos, "\n")))
	return hex.EncodeToString(sum[:])[:planHashLength]
}
