package rest

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// rollbackBody says why, and on which plan it was decided.
type rollbackBody struct {
	Reason    string `json:"reason,omitempty" doc:"Why, in 1 to 500 characters; required unless dryRun is true. It is kept in clear in the audit log and in Temporal: no personal data, no secrets; a ticket's number will do." example:"ticket 4711: the hospital has withdrawn"`
	RequestID string `json:"requestId,omitempty" maxLength:"255" doc:"An id of your own, such as a UUID: makes your request act once, however often it is repeated. Others may use the same one for requests of theirs. Without it, an action counts for the wait that was current when it was accepted." example:"0d6f3a52-7b1c-4f0e-9a51-2c8f6a1e9b37"`
	PlanHash  string `json:"planHash,omitempty" maxLength:"64" doc:"The planHash of a dry run. The rollback is refused if its plan is another one by now. Without it, whatever was done by then is undone." example:"5f1c0a9be2d47788"`
}

type rollbackInput struct {
	ID     string        `path:"id" format:"uuid" doc:"The operation's id."`
	DryRun bool          `query:"dryRun" doc:"Undo nothing; answer with the plan. The body may be left out."`
	Body   *rollbackBody `required:"false"`

	id      tenant.OperationID
	request tenant.ActionRequest
}

// Resolve checks what the schema cannot say. The actor is known later.
func (i *rollbackInput) Resolve(huma.Context) []error {
	var errs []error
	i.id, errs = parseOperationID(i.ID)
	if i.Body != nil {
		i.request = tenant.ActionRequest{Reason: i.Body.Reason, RequestID: i.Body.RequestID, PlanHash: i.Body.PlanHash}
	}
	if i.DryRun {
		return errs
	}
	check := i.request
	check.Actor = "-"
	_, err := check.Clean()
	return append(errs, details("body", err)...)
}

// rollbackOutput is the operation, or the plan.
type rollbackOutput struct {
	Status     int
	Location   string `header:"Location" doc:"Where to follow the operation; absent from a dry run."`
	RetryAfter string `header:"Retry-After" doc:"Seconds after which to ask there."`
	Body       any
}

// RollbackPlan is what a rollback would do now.
type RollbackPlan struct {
	OperationID tenant.OperationID `json:"operationId" format:"uuid" doc:"The operation that would be rolled back."`
	State       tenant.State       `json:"state" doc:"Where it is now."`
	PlanHash    string             `json:"planHash" doc:"Send it with the rollback, so that it is refused if the plan has changed by then." example:"5f1c0a9be2d47788"`
	Steps       []UndoStep         `json:"steps" nullable:"false" doc:"What is undone, in this order. A step that is being done now is waited for and undone as well."`
	Remains     []string           `json:"remains" nullable:"false" doc:"What no rollback removes."`
}

// UndoStep is one undo of a plan.
type UndoStep struct {
	Name       string        `json:"name" doc:"The undo, as Temporal Web UI calls it." example:"drop schema and role"`
	Undoes     []tenant.Step `json:"undoes" nullable:"false" doc:"The steps whose effect it takes back."`
	Does       string        `json:"does" doc:"What happens, in plain words."`
	Reversible bool          `json:"reversible" doc:"Whether nothing is left of the effect. False for the contract: the ledger keeps it, terminated."`
}

func viewPlan(p tenant.RollbackPlan) RollbackPlan {
	v := RollbackPlan{OperationID: p.Operation, State: p.State, PlanHash: p.Hash, Remains: p.Remains, Steps: make([]UndoStep, len(p.Steps))}
	for i, u := range p.Steps {
		v.Steps[i] = UndoStep{Name: u.Name, Undoes: u.Undoes, Does: u.Does, Reversible: u.Reversible}
	}
	return v
}

func (s *Server) registerRollback() {
	e := endpoint{
		id: "rollback-operation", method: http.MethodPost, path: "/v1/operations/{id}/rollback",
		tag: tagOperations, role: token.RoleOperator, status: http.StatusAccepted,
		summary: "Roll an operation back, or see what that would do",
		description: "Undoes everything, as long as the tenant does not have the status that the operation leads to. With `dryRun=true` nothing is undone: the answer is the plan, " +
			"its steps in order, which of them leave something behind, and a `planHash`. A rollback that carries a `planHash` is refused when the plan " +
			"is another one by then. What is allowed now stands in `allowedActions` of the operation. Every well-formed request about an operation that exists, but " +
			"a dry run, is audited with its reason, refused ones too.",
		problems: []Code{CodeNotFound, CodeActionRefused, CodePlanChanged}, refused: s.refusedAction(tenant.ActionRollback),
	}
	register(s, e, s.rollBack)
	schemas, answers := s.api.OpenAPI().Components.Schemas, s.operation(e.method, e.path).Responses
	answers["202"].Content = map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeFor[Operation](), true, "Operation")}}
	answers["200"] = &huma.Response{
		Description: "The plan; nothing was undone.",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeFor[RollbackPlan](), true, "RollbackPlan")}},
		Headers:     answers["202"].Headers,
	}
}

func (s *Server) rollBack(ctx context.Context, in *rollbackInput) (*rollbackOutput, error) {
	if in.DryRun {
		p, err := s.operations.Plan(ctx, in.id)
		if err != nil {
			return nil, err
		}
		return &rollbackOutput{Status: http.StatusOK, Body: viewPlan(p)}, nil
	}
	who := caller(ctx)
	in.request.Actor = who.Actor
	o, err := s.operations.Act(ctx, in.id, tenant.ActionRollback, in.request, who)
	if err != nil {
		return nil, err
	}
	a := accepted(o)
	return &rollbackOutput{Status: http.StatusAccepted, Location: a.Location, RetryAfter: a.RetryAfter, Body: a.Body}, nil
}
