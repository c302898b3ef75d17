package rest

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// Operations is the part of the control plane that follows and steers
// operations. *operations.Service is one.
type Operations interface {
	Operation(ctx context.Context, id tenant.OperationID) (tenant.Operation, error)
	Operations(ctx context.Context, f tenant.OperationFilter) (tenant.Page[tenant.Operation], error)
	// Wait returns as soon as the operation has ended or waits for a person,
	// else at the end of atMost with what it is then.
	Wait(ctx context.Context, id tenant.OperationID, atMost time.Duration) (tenant.Operation, error)
	// Act refuses with *tenant.ActionRefusedError, and a rollback by an old plan
	// with *tenant.PlanChangedError.
	Act(ctx context.Context, id tenant.OperationID, a tenant.Action, r tenant.ActionRequest, who tenant.Caller) (tenant.Operation, error)
	// Plan tells what a rollback would do.
	Plan(ctx context.Context, id tenant.OperationID) (tenant.RollbackPlan, error)
	// Refused audits an action that was refused before it came to Act.
	Refused(ctx context.Context, id tenant.OperationID, a tenant.Action, who tenant.Caller, why string) error
}

// maxWait is the longest long poll: most proxies cut off what takes longer.
const maxWait = time.Minute

// pollAgain is when to ask for an operation that has not ended.
const pollAgain = 1

type operationInput struct {
	ID   string `path:"id" format:"uuid" doc:"The operation's id, as its creation has returned it."`
	Wait string `query:"wait" doc:"Answer only when the operation has ended or needs a person, or after this time: a duration such as 30s, or seconds; at most 60s count." example:"30s"`

	id   tenant.OperationID
	wait time.Duration
}

// Resolve checks what the schema cannot say.
func (i *operationInput) Resolve(huma.Context) []error {
	var errs []error
	i.id, errs = parseOperationID(i.ID)
	if i.Wait == "" {
		return errs
	}
	wait, err := time.ParseDuration(i.Wait)
	if whole, wholeErr := strconv.ParseUint(i.Wait, 10, 16); wholeErr == nil {
		wait, err = time.Duration(whole)*time.Second, nil
	}
	if err != nil || wait < 0 {
		return append(errs, &huma.ErrorDetail{Location: "query.wait", Message: "must be a duration such as 30s, or a number of seconds"})
	}
	i.wait = min(wait, maxWait)
	return errs
}

type operationOutput struct {
	RetryAfter string `header:"Retry-After" doc:"Seconds after which to ask again; absent when the operation has ended."`
	Body       Operation

	// waited tells that a long poll has come to it.
	waited bool
}

type operationsInput struct {
	State    asked[tenant.State] `query:"state" doc:"Only operations in this state."`
	Kind     asked[tenant.Kind]  `query:"kind" doc:"Only operations of this kind."`
	TenantID string              `query:"tenantId" format:"uuid" doc:"Only operations of this tenant."`
	PageQuery

	tenant tenant.ID
}

// Resolve checks what the schema cannot say.
func (i *operationsInput) Resolve(huma.Context) []error {
	if i.TenantID == "" {
		return nil
	}
	id, err := tenant.ReadID(i.TenantID)
	if err != nil {
		return []error{&huma.ErrorDetail{Location: "query.tenantId", Message: "must be a UUID"}}
	}
	i.tenant = id
	return nil
}

// PageQuery asks for a page of a listing. It is exported, like TenantPath, because
// huma does not look into embedded types that are not.
type PageQuery struct {
	Cursor string `query:"cursor" maxLength:"200" doc:"The nextCursor of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many items a page has."`
}

type operationsOutput struct{ Body list[Operation] }

// actionBody says why.
type actionBody struct {
	Reason    string `json:"reason" minLength:"1" doc:"Why, in up to 500 characters. It is kept in clear in the audit log and in Temporal: no personal data, no secrets; a ticket's number will do." example:"ticket 4711: the provider confirmed that the address works again"`
	RequestID string `json:"requestId,omitempty" maxLength:"255" doc:"An id of your own, such as a UUID: makes your request act once, however often it is repeated. Others may use the same one for requests of theirs. Without it, an action counts for the wait that was current when it was accepted." example:"0d6f3a52-7b1c-4f0e-9a51-2c8f6a1e9b37"`
}

type actionInput struct {
	ID   string `path:"id" format:"uuid" doc:"The operation's id."`
	Body actionBody

	id tenant.OperationID
}

// Resolve checks what the schema cannot say. The actor is known later.
func (i *actionInput) Resolve(huma.Context) []error {
	var errs []error
	i.id, errs = parseOperationID(i.ID)
	_, err := tenant.ActionRequest{Actor: "-", Reason: i.Body.Reason, RequestID: i.Body.RequestID}.Clean()
	return append(errs, details("body", err)...)
}

type acceptedOutput struct {
	Location   string `header:"Location" doc:"Where to follow the operation."`
	RetryAfter string `header:"Retry-After" doc:"Seconds after which to ask there."`
	Body       Operation
}

func accepted(o tenant.Operation) *acceptedOutput {
	return &acceptedOutput{Location: "/v1/operations/" + string(o.ID), RetryAfter: strconv.Itoa(pollAgain), Body: viewOperation(o)}
}

func (s *Server) registerOperations() {
	register(s, endpoint{
		id: "list-operations", method: http.MethodGet, path: "/v1/operations", tag: tagOperations, role: token.RoleViewer,
		summary: "List operations", description: "The newest first. `state=NEEDS_ATTENTION` and `state=ROLLBACK_BLOCKED` are what waits for a person.", about: aboutAll,
	}, func(ctx context.Context, in *operationsInput) (*operationsOutput, error) {
		page, err := s.operations.Operations(ctx, tenant.OperationFilter{
			State: tenant.State(in.State), Kind: tenant.Kind(in.Kind), Tenant: in.tenant, Cursor: in.Cursor, Limit: in.Limit,
		})
		if err != nil {
			return nil, err
		}
		return &operationsOutput{viewPage(page, viewOperation)}, nil
	})
	register(s, endpoint{
		id: "get-operation", method: http.MethodGet, path: "/v1/operations/{id}", tag: tagOperations, role: token.RoleViewer,
		summary: "Follow an operation",
		description: "With `wait`, a long poll: the answer comes when the operation has ended or needs a person, else after that time with what it is then. " +
			"How many requests of a client may wait at a time is bounded; one more is 429.",
		problems: []Code{CodeNotFound}, slow: true, about: aboutOperation,
	}, s.getOperation)
	s.registerAction(tenant.ActionRetry, "Retry an operation", "Tries the failed step, or the undo that is blocked, again.")
	s.registerAction(tenant.ActionSkip, "Skip what stands in an operation's way",
		"Goes on without the failed step where the operation can do without it, such as its mail. With the role admin also without what it should not do without: "+
			"the ledger's part in the life of a tenant, or an undo that is blocked, which leave a finding for the reconciler, or the mail that tells an address that another one is invited.")
	s.registerRollback()
	s.registerAction(tenant.ActionCancel, "Cancel an operation",
		"As a cancel in Temporal: rolls back before the tenant has its new status, and gives up the mail after that. A purge that has begun goes on, and only its mail is given up. "+
			"Refused during a rollback, and while a purge waits for a person at a step that must be done.")
}

func (s *Server) registerAction(action tenant.Action, summary, does string) {
	register(s, endpoint{
		id: string(action) + "-operation", method: http.MethodPost, path: "/v1/operations/{id}/" + string(action),
		tag: tagOperations, role: token.RoleOperator, status: http.StatusAccepted,
		summary:     summary,
		description: does + " What is allowed now stands in `allowedActions` of the operation. Every well-formed request about an operation that exists is audited with its reason, refused ones too.",
		problems:    []Code{CodeNotFound, CodeActionRefused}, refused: s.refusedAction(action),
	}, func(ctx context.Context, in *actionInput) (*acceptedOutput, error) {
		who := caller(ctx)
		o, err := s.operations.Act(ctx, in.id, action, tenant.ActionRequest{
			Actor: who.Actor, Reason: in.Body.Reason, RequestID: in.Body.RequestID,
		}, who)
		if err != nil {
			return nil, err
		}
		return accepted(o), nil
	})
}

// refusedAction audits an action of somebody who may not act. Without an
// operation of this id it would have touched nothing.
func (s *Server) refusedAction(action tenant.Action) func(context.Context, string, tenant.Caller, string) error {
	return func(ctx context.Context, id string, who tenant.Caller, why string) error {
		operation, err := tenant.ReadOperationID(id)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		return s.operations.Refused(ctx, operation, action, who, why)
	}
}

func (s *Server) getOperation(ctx context.Context, in *operationInput) (*operationOutput, error) {
	o, err := s.follow(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &operationOutput{Body: viewOperation(o), waited: in.wait > 0}
	if !o.State.Closed() {
		out.RetryAfter = strconv.Itoa(pollAgain)
	}
	return out, nil
}

// follow waits as it is asked to. A server that is about to stop answers at
// once, with what is known.
func (s *Server) follow(ctx context.Context, in *operationInput) (tenant.Operation, error) {
	if in.wait > 0 && s.draining.Err() == nil {
		leave, err := s.waiting.enter(caller(ctx).Client)
		if err != nil {
			return tenant.Operation{}, err
		}
		defer leave()
		waiting, cancel := context.WithTimeout(ctx, in.wait+answerWithin)
		defer cancel()
		defer context.AfterFunc(s.draining, cancel)()
		o, err := s.operations.Wait(waiting, in.id, in.wait)
		if err == nil || s.draining.Err() == nil {
			return o, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return s.operations.Operation(ctx, in.id)
}

func parseOperationID(text string) (tenant.OperationID, []error) {
	id, err := tenant.ReadOperationID(text)
	return id, details("path", err)
}

// details says the domain's complaints in huma's terms.
func details(part string, err error) []error {
	if err == nil {
		return nil
	}
	wrong, ok := err.(*tenant.InvalidError) //nolint:errorlint // the domain's checks return it bare
	if !ok {
		return []error{fmt.Errorf("%s: %w", part, err)}
	}
	var errs []error
	for _, f := range located(part, wrong) {
		errs = append(errs, &huma.ErrorDetail{Location: f.Location, Message: f.Message})
	}
	return errs
}
