package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// Code names a kind of problem. Programs may rely on it.
type Code string

// The kinds of problems.
const (
	CodeMalformed           Code = "malformed"
	CodeUnauthenticated     Code = "unauthenticated"
	CodeForbidden           Code = "forbidden"
	CodeNotFound            Code = "not-found"
	CodeMethodNotAllowed    Code = "method-not-allowed"
	CodeRequestTimeout      Code = "request-timeout"
	CodeNameTaken           Code = "name-taken"
	CodeOperationOpen       Code = "operation-open"
	CodeActionRefused       Code = "action-refused"
	CodePlanChanged         Code = "plan-changed"
	CodeConflict            Code = "conflict"
	CodeLinkUsed            Code = "link-used"
	CodeLinkExpired         Code = "link-expired"
	CodeLinkClosed          Code = "link-closed"
	CodeEventGone           Code = "event-gone"
	CodeVersionMismatch     Code = "version-mismatch"
	CodeTooLarge            Code = "too-large"
	CodeUnsupportedType     Code = "unsupported-media-type"
	CodeInvalid             Code = "invalid"
	CodeIdempotencyMismatch Code = "idempotency-key-reused"
	CodeTooManyRequests     Code = "too-many-requests"
	CodeInternal            Code = "internal"
	CodeUnavailable         Code = "unavailable"
	CodeMaintenance         Code = "maintenance"
)

// kind is what is the same about all problems of a code.
type kind struct {
	status int
	title  string
	// help says what to do, in the document.
	help string
	// retryAfter is sent as Retry-After when positive.
	retryAfter time.Duration
}

// unavailableRetry is a guess: a database's failover takes some ten seconds,
// and most interruptions are shorter.
const unavailableRetry = 2 * time.Second

var kinds = map[Code]kind{
	CodeMalformed:           {status: http.StatusBadRequest, title: "The request is malformed", help: "Send one JSON object in UTF-8, each key once, and a well-formed query."},
	CodeUnauthenticated:     {status: http.StatusUnauthorized, title: "A valid token is required", help: "Send \"Authorization: Bearer TOKEN\". \"starter token\" makes one."},
	CodeForbidden:           {status: http.StatusForbidden, title: "The token's role does not allow this", help: "Use a token with the role that the detail names."},
	CodeNotFound:            {status: http.StatusNotFound, title: "Not found", help: "Check the id and the path."},
	CodeMethodNotAllowed:    {status: http.StatusMethodNotAllowed, title: "The method is not allowed here", help: "The header Allow lists the methods that are."},
	CodeRequestTimeout:      {status: http.StatusRequestTimeout, title: "The request's body did not arrive in time", help: "A body has 4 seconds to arrive. Nothing was changed: send it again."},
	CodeNameTaken:           {status: http.StatusConflict, title: "The name is taken", help: "Choose another name. Names are compared without regard to case, width, white space and characters that cannot be seen; a failed, archived or deleted tenant holds none."},
	CodeOperationOpen:       {status: http.StatusConflict, title: "The tenant has an open operation", help: "\"operationId\" names it. Wait for it to end, or act on it."},
	CodeActionRefused:       {status: http.StatusConflict, title: "The operation, or the tenant's status, does not allow this now", help: "\"allowedActions\" lists what it allows now."},
	CodePlanChanged:         {status: http.StatusConflict, title: "What the rollback would undo has changed", help: "Read the present plan with dryRun=true. If you still want the rollback, send it with the planHash of that plan."},
	CodeConflict:            {status: http.StatusConflict, title: "The request conflicts with the present state", help: "Read what you wanted to change again, then decide."},
	CodeLinkUsed:            {status: http.StatusGone, title: "The link was used already", help: "Sign in."},
	CodeLinkExpired:         {status: http.StatusGone, title: "The link has expired", help: "Answer the mail that it came with, and ask for a new invitation."},
	CodeLinkClosed:          {status: http.StatusGone, title: "The link does not work now", help: "Ask for a new invitation; one can be sent while the tenant is active."},
	CodeEventGone:           {status: http.StatusGone, title: "The event is not kept", help: "What came after it cannot be told. Read what you follow, and follow it from now on: without Last-Event-ID, and without \"after\"."},
	CodeVersionMismatch:     {status: http.StatusPreconditionFailed, title: "The tenant was changed meanwhile", help: "Read it again and base the change on its new ETag."},
	CodeTooLarge:            {status: http.StatusRequestEntityTooLarge, title: "The request's body is too large", help: "A body may have at most 64 KiB."},
	CodeUnsupportedType:     {status: http.StatusUnsupportedMediaType, title: "The body's type is not supported", help: "Send application/json in UTF-8, not compressed."},
	CodeInvalid:             {status: http.StatusUnprocessableEntity, title: "The request has wrong values", help: "\"errors\" says which and what is expected. Nothing was changed."},
	CodeIdempotencyMismatch: {status: http.StatusUnprocessableEntity, title: "The idempotency key was used for another request", help: "Use a new key for a new request; the same key only to repeat the same request."},
	CodeTooManyRequests:     {status: http.StatusTooManyRequests, title: "Too many requests", help: "Wait for as long as Retry-After says.", retryAfter: time.Second},
	CodeInternal:            {status: http.StatusInternalServerError, title: "Something went wrong on our side", help: "The api's log has the error under the requestId of this answer. Something may have been changed: look before you send the request again, unless it carries an Idempotency-Key or, in the body of an action, a requestId: with the same one it is done once."},
	CodeUnavailable:         {status: http.StatusServiceUnavailable, title: "Temporarily unavailable", help: "\"detail\" says what is away. Something may have been changed all the same. Unless it says otherwise, send the request again after Retry-After: with the same Idempotency-Key or, in the body of an action, the same requestId it is done once, however often it is sent.", retryAfter: unavailableRetry},
	CodeMaintenance:         {status: http.StatusServiceUnavailable, title: "The platform is being maintained", help: "\"until\" says when it ends, as announced, and Retry-After in how many seconds that is. Nothing was changed. Reading goes on, and so does what operators need: actions, suspending, archiving, inviting, legal holds and maintenance windows.", retryAfter: time.Minute},
}

// codeOf is the general kind for a status.
func codeOf(status int) Code {
	for _, code := range []Code{
		CodeMalformed, CodeUnauthenticated, CodeForbidden, CodeNotFound, CodeMethodNotAllowed, CodeRequestTimeout, CodeConflict,
		CodeVersionMismatch, CodeTooLarge, CodeUnsupportedType, CodeInvalid, CodeTooManyRequests, CodeUnavailable,
	} {
		if kinds[code].status == status {
			return code
		}
	}
	return CodeInternal
}

// known is what each of the domain's errors is to a caller.
var known = []struct {
	err    error
	code   Code
	detail string
}{
	{tenant.ErrNotFound, CodeNotFound, "There is no such tenant, operation, run or link."},
	{tenant.ErrOwnNameTaken, CodeNameTaken, "Another tenant has this tenant's name by now, or one that looks the same: give it a new one with \"name\"."},
	{tenant.ErrNameTaken, CodeNameTaken, "Another tenant has this name, or one that looks the same."},
	{tenant.ErrAddressTaken, CodeConflict, "Another user of the tenant has this address. Give another one, or have the tenant change that user's address."},
	{tenant.ErrOperationOpen, CodeOperationOpen, "Another operation of this tenant has not ended."},
	{tenant.ErrSuperseded, CodeConflict, "The operation has gone on meanwhile."},
	{tenant.ErrIdempotencyMismatch, CodeIdempotencyMismatch, "This Idempotency-Key came with another body before."},
	{tenant.ErrEventGone, CodeEventGone, "There is no event with this id: it is not kept any more, or the database was restored."},
	{tenant.ErrEventsInterrupted, CodeUnavailable, "The events are interrupted for a moment."},
	{tenant.ErrVersionMismatch, CodeVersionMismatch, "If-Match does not name the tenant's present version."},
	{invitation.ErrUsed, CodeLinkUsed, "A password was already set with this link."},
	{invitation.ErrExpired, CodeLinkExpired, "This link has expired."},
	{invitation.ErrClosed, CodeLinkClosed, "This link is not in use at the moment."},
	{tenant.ErrForbidden, CodeForbidden, "Only the role admin may do this: it leaves something behind."},
	{tenant.ErrUnavailable, CodeUnavailable, "A system behind the API does not answer."},
	{token.ErrNoKeys, CodeUnavailable, "The identity provider's keys are not there yet."},
	{context.DeadlineExceeded, CodeUnavailable, "There was no answer in time."},
	{context.Canceled, CodeUnavailable, "The request was given up."},
}

// problemOf is the one place where errors become answers. What it does not
// know is a fault of ours; the second result asks for it to be logged.
func problemOf(err error) (p *Problem, unexpected bool) {
	var wrong *tenant.InvalidError
	var unavailable *tenant.UnavailableError
	var outage interface{ Told() string } // what a system says of itself to anybody
	var fromEcho *echo.HTTPError
	conflict := conflictOf(err)
	switch {
	case errors.As(err, &p):
		return p, false
	case conflict != nil:
		return conflict, false
	case errors.As(err, &wrong):
		return invalid(located("body", wrong)...), false
	case errors.As(err, &outage):
		p = newProblem(CodeUnavailable, sentence(outage.Told()))
		if errors.As(err, &unavailable) && unavailable.RetryAfter > 0 {
			p.retryAfter(unavailable.RetryAfter)
		}
		return p, false
	case errors.Is(err, tenant.ErrBadCursor):
		return invalid(FieldProblem{Location: "query.cursor", Message: "must be the nextCursor of a page before, with the same filter"}), false
	case errors.As(err, &fromEcho):
		return newProblem(codeOf(fromEcho.Code), ""), codeOf(fromEcho.Code) == CodeInternal
	}
	if p = plainProblem(err); p != nil {
		return p, false
	}
	return newProblem(CodeInternal, "The request's id leads to the log."), true
}

// conflictOf is the answer to what the present state of a tenant or an operation
// does not allow; nil for any other error.
func conflictOf(err error) *Problem {
	var refused *tenant.ActionRefusedError
	var byStatus *tenant.StatusRefusedError
	var open *tenant.OperationOpenError
	var changed *tenant.PlanChangedError
	var removed *tenant.RemovedError
	var fleetRefused *tenant.FleetActionRefusedError
	var fleetOpen *tenant.FleetOpenError
	var window *tenant.WindowRefusedError
	var incident *tenant.DeclaredRefusedError
	switch {
	case errors.As(err, &refused):
		p := newProblem(CodeActionRefused, refused.Error()+".")
		p.State, p.Allowed = refused.State, append([]tenant.Action{}, refused.Allowed...)
		return p
	case errors.As(err, &byStatus):
		p := newProblem(CodeActionRefused, byStatus.Error()+".")
		p.TenantStatus, p.Allowed = byStatus.Status, []tenant.Action{}
		for _, verb := range byStatus.Allowed() {
			p.Allowed = append(p.Allowed, tenant.Action(verb))
		}
		return p
	case errors.As(err, &fleetRefused):
		p := newProblem(CodeActionRefused, fleetRefused.Error()+".")
		p.Allowed = []tenant.Action{}
		for _, a := range fleetRefused.Allowed {
			p.Allowed = append(p.Allowed, tenant.Action(a))
		}
		return p
	case errors.As(err, &fleetOpen):
		return newProblem(CodeOperationOpen, fleetOpen.Error()+".")
	case errors.As(err, &open):
		p := newProblem(CodeOperationOpen, open.Error()+".")
		p.OperationID, p.State = open.Open.ID, open.Open.State
		return p
	case errors.As(err, &changed):
		p := newProblem(CodePlanChanged, changed.Error()+".")
		p.PlanHash = changed.Hash
		return p
	case errors.As(err, &removed):
		p := newProblem(CodeConflict, sentence(removed.Error()))
		p.TenantStatus = removed.Status
		return p
	case errors.As(err, &window):
		return newProblem(CodeConflict, sentence(window.Error()))
	case errors.As(err, &incident):
		return newProblem(CodeConflict, sentence(incident.Error()))
	}
	return nil
}

// plainProblem is a problem that has nothing beside its detail, or nil.
func plainProblem(err error) *Problem {
	if forbidden, ok := errors.AsType[*tenant.ForbiddenError](err); ok {
		return newProblem(CodeForbidden, sentence(forbidden.Error()))
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return newProblem(k.code, k.detail)
		}
	}
	return nil
}

// located places the domain's complaints in a part of the request.
func located(part string, e *tenant.InvalidError) []FieldProblem {
	fields := make([]FieldProblem, len(e.Fields))
	for i, f := range e.Fields {
		fields[i] = FieldProblem{Location: part + "." + f.Field, Message: f.Message}
	}
	return fields
}
