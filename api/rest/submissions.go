package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// submissionTexts say what each kind of operation does to a tenant that is there.
var submissionTexts = map[tenant.Kind]struct{ summary, description string }{
	tenant.KindProvision: {
		"Provision a failed tenant again",
		"Only for a FAILED tenant whose name nobody has taken meanwhile. The tenant keeps its id and the names of schema and role; " +
			"its generation grows by one, and with it comes another contract: the one of the earlier generation stays terminated. " +
			"Correct with PATCH before what was wrong.",
	},
	tenant.KindSuspend: {
		"Suspend a tenant",
		"Ends the access to the data of an ACTIVE tenant for now: with the operation's first step, for connections that are open too. Then its contract is set " +
			"suspended, and its administrator is told by mail. All data is kept. A step that fails gives nothing back by itself: the operation waits for a person.",
	},
	tenant.KindResume: {
		"Give a suspended tenant its access back",
		"The contract of a SUSPENDED tenant is set active; then its status and the access to its data come back together.",
	},
	tenant.KindArchive: {
		"Archive a tenant",
		"Ends the access to the data of a tenant that is ACTIVE or SUSPENDED for good, unless that is taken back in time: until `purgeAfter`, undelete " +
			"leads back to the status that it had (`archivedFrom`). Its name is free from then on. A step that fails gives nothing back by itself: the operation waits for a person. " +
			"Of a FAILED tenant, which nobody ever worked with, what is left is removed at once: the operation is a `purge`. " +
			"A client that cannot send a body with DELETE gives the reason as `?reason=`; it then stands in the logs of every proxy on the way as well.",
	},
	tenant.KindUndelete: {
		"Take an archive back",
		"Only for an ARCHIVED tenant, before its `purgeAfter`, and while its name is free, or the new one that `name` gives it: that name is held as soon as the request is accepted. " +
			"The tenant returns to the status that it had, `archivedFrom`: if that was ACTIVE, with access to its data and its contract active. A new name becomes its name with the status; " +
			"schema, role and slug stay. A rollback leaves it under the name that it had.",
	},
	tenant.KindPurge: {
		"Remove a tenant for good",
		"Of an ARCHIVED tenant before its `purgeAfter` (when that is over, it is done without being asked), or of a FAILED one. Its contract is set terminated, its schema and role are dropped, " +
			"its administrator is told by mail and then erased; what was removed, and what stays, stands as a certificate in the audit log. **As soon as the operation is RUNNING nothing is undone**; " +
			"until then, and no longer, a rollback or a legal hold keeps the tenant.",
	},
	tenant.KindInvite: {
		"Invite a tenant's administrator again",
		"Sends the administrator of an ACTIVE tenant another link to set a password by, to the address that the tenant has now (PATCH changes it). Earlier links work until the new one " +
			"has been sent, and not after. Once a password was set this resets it, and needs the role admin: the password works until the new link is used, and if the address is not the one " +
			"that signs in, that one is told by mail first. Any other operation that is accepted meanwhile ends this one.",
	},
	tenant.KindRestore: {
		"Restore a tenant from a backup",
		"Puts what a GOOD backup of an ACTIVE or SUSPENDED tenant holds into the place of the tenant's data. A schema beside the tenant's is filled, compared with the signed manifest table by table " +
			"and brought to the template's newest version; then access ends, the schemas change places and access comes back as it was, in one transaction. **What was written since `takenAt` is not in it**: " +
			"the tenant's schema of before is kept for a day, where only operators reach it. A backup that is refused changes nothing.",
	},
}

// reason is the body of a request that must give a reason.
type reason struct {
	Reason string `json:"reason" minLength:"1" doc:"Why, in up to 500 characters, for the audit log. It is kept in clear: no personal data, no secrets; a ticket's number will do." example:"ticket 4711"`
}

// optionalReason is the body of a request that may give a reason.
type optionalReason struct {
	Reason string `json:"reason,omitempty" doc:"Why, in up to 500 characters, for the audit log. It is kept in clear: no personal data, no secrets; a ticket's number will do." example:"ticket 4711"`
}

// optionalReasonAndName is the body of a request that may also give a new name.
type optionalReasonAndName struct {
	Reason string `json:"reason,omitempty" doc:"Why, in up to 500 characters, for the audit log. It is kept in clear: no personal data, no secrets; a ticket's number will do." example:"ticket 4711"`
	Name   string `json:"name,omitempty" minLength:"3" doc:"A new name, by the rules of a new tenant's. Without it the tenant keeps its own, if no other tenant has it by now." example:"St. Mary's at the Lake"`
}

func (r *optionalReason) text() string {
	if r == nil {
		return ""
	}
	return r.Reason
}

// submitInput asks for an operation that takes the tenant out of use.
type submitInput struct {
	TenantPath
	IdempotencyKey
	Body reason
}

// Resolve checks what the schema cannot say.
func (i *submitInput) Resolve(ctx huma.Context) []error {
	return append(i.resolve(ctx, &i.IdempotencyKey), checkReason("body", i.Body.Reason)...)
}

// restoreBody is the body of a request that restores a backup.
type restoreBody struct {
	Reason   string `json:"reason" minLength:"1" doc:"Why, in up to 500 characters, for the audit log. It is kept in clear: no personal data, no secrets; a ticket's number will do." example:"ticket 4711"`
	BackupID string `json:"backupId" format:"uuid" doc:"The backup: one of the tenant's that is GOOD." example:"01920e6b-0c1d-7fd2-8a31-5c6f7d8e9f01"`
}

// restoreInput asks for one that restores a backup.
type restoreInput struct {
	TenantPath
	IdempotencyKey
	Body restoreBody
}

// Resolve checks what the schema cannot say.
func (i *restoreInput) Resolve(ctx huma.Context) []error {
	return append(i.resolve(ctx, &i.IdempotencyKey), checkReason("body", i.Body.Reason)...)
}

func (i *restoreInput) asked() tenant.Request {
	return tenant.Request{Tenant: i.id, Reason: i.Body.Reason, Backup: i.Body.BackupID, IdempotencyKey: i.Key}
}

func (i *submitInput) asked() tenant.Request {
	return tenant.Request{Tenant: i.id, Reason: i.Body.Reason, IdempotencyKey: i.Key}
}

// freelyInput asks for one that need not be explained.
type freelyInput struct {
	TenantPath
	IdempotencyKey
	Body *optionalReason `required:"false"`
}

// Resolve checks what the schema cannot say.
func (i *freelyInput) Resolve(ctx huma.Context) []error {
	errs := i.resolve(ctx, &i.IdempotencyKey)
	if i.Body.text() != "" {
		errs = append(errs, checkReason("body", i.Body.Reason)...)
	}
	return errs
}

func (i *freelyInput) asked() tenant.Request {
	return tenant.Request{Tenant: i.id, Reason: i.Body.text(), IdempotencyKey: i.Key}
}

// renamingInput asks for one that may give the tenant a new name, and need not be
// explained.
type renamingInput struct {
	TenantPath
	IdempotencyKey
	Body *optionalReasonAndName `required:"false"`
}

// Resolve checks what the schema cannot say.
func (i *renamingInput) Resolve(ctx huma.Context) []error {
	errs, r := i.resolve(ctx, &i.IdempotencyKey), i.asked()
	if r.Reason != "" {
		errs = append(errs, checkReason("body", r.Reason)...)
	}
	if r.NewName == "" {
		return errs
	}
	if _, wrong := tenant.CleanName(r.NewName); wrong != nil {
		errs = append(errs, details("body", &tenant.InvalidError{Fields: []tenant.FieldError{*wrong}})...)
	}
	return errs
}

func (i *renamingInput) asked() tenant.Request {
	r := tenant.Request{Tenant: i.id, IdempotencyKey: i.Key}
	if i.Body != nil {
		r.Reason, r.NewName = i.Body.Reason, i.Body.Name
	}
	return r
}

// DeleteReason is the reason of a DELETE, in the body or, since some clients send
// no body with DELETE, in the query.
type DeleteReason struct {
	Reason string          `query:"reason" doc:"Why, where the client can send no body with DELETE. Give the reason once." example:"ticket 4711"`
	Body   *optionalReason `required:"false"`
}

func (r *DeleteReason) check() []error {
	switch {
	case r.Reason != "" && r.Body.text() != "":
		return []error{&huma.ErrorDetail{Location: "query.reason", Message: "must be left out when the body gives the reason"}}
	case r.Reason != "":
		return checkReason("query", r.Reason)
	}
	return checkReason("body", r.Body.text())
}

func (r *DeleteReason) text() string { return r.Reason + r.Body.text() }

// deleteInput is submitInput for DELETE.
type deleteInput struct {
	TenantPath
	IdempotencyKey
	DeleteReason
}

// Resolve checks what the schema cannot say.
func (i *deleteInput) Resolve(ctx huma.Context) []error {
	return append(i.resolve(ctx, &i.IdempotencyKey), i.check()...)
}

func (i *TenantPath) resolve(ctx huma.Context, key *IdempotencyKey) []error {
	return append(i.Resolve(ctx), key.Resolve(ctx)...)
}

func checkReason(part, text string) []error {
	_, err := tenant.ActionRequest{Actor: "-", Reason: text}.Clean()
	return details(part, err)
}

// registerSubmissions makes a route of each row of the table of kinds.
func (s *Server) registerSubmissions() {
	for _, l := range tenant.Lifecycles() {
		e := s.submissionEndpoint(l)
		switch {
		case e.method == http.MethodDelete:
			register(s, e, s.deleteTenant)
		case l.TakesBackup:
			register(s, e, submit[restoreInput](s, l.Kind))
		case l.NeedsReason():
			register(s, e, submit[submitInput](s, l.Kind))
		case l.Renames:
			register(s, e, submit[renamingInput](s, l.Kind))
		default:
			register(s, e, submit[freelyInput](s, l.Kind))
		}
	}
}

func (s *Server) submissionEndpoint(l tenant.Lifecycle) endpoint {
	e := endpoint{
		id: l.Verb + "-tenant", method: http.MethodPost, path: "/v1/tenants/{id}/" + l.Verb, tag: tagTenants,
		role: token.RoleOperator, status: http.StatusAccepted, summary: submissionTexts[l.Kind].summary,
		description: submissionTexts[l.Kind].description + " Follow the operation at `Location`. " +
			"Every well-formed request about a tenant that exists is audited with its reason, refused ones too.",
		problems: []Code{CodeNotFound, CodeActionRefused, CodeOperationOpen, CodeIdempotencyMismatch}, refused: s.refusedSubmission(l.Kind),
		// What ends access is never refused, nor is an invitation.
		pauses: !l.FailsClosed && l.Kind != tenant.KindInvite,
	}
	if l.Kind == tenant.KindArchive {
		e.method, e.path = http.MethodDelete, "/v1/tenants/{id}"
	}
	if l.ClaimIsPivot {
		e.role = token.RoleAdmin // nobody takes it back
	}
	if l.TakesName {
		e.problems = append(e.problems, CodeNameTaken)
	}
	return e
}

func (s *Server) deleteTenant(ctx context.Context, in *deleteInput) (*acceptedOutput, error) {
	o, err := s.tenants.Delete(ctx, tenant.Request{Tenant: in.id, Reason: in.text(), IdempotencyKey: in.Key}, caller(ctx))
	if err != nil {
		return nil, err
	}
	return accepted(o), nil
}

// submission is a request for an operation of a tenant that is there, without its
// kind, whichever way it says why.
type submission[I any] interface {
	*I
	asked() tenant.Request
}

func submit[I any, P submission[I]](s *Server, kind tenant.Kind) func(context.Context, *I) (*acceptedOutput, error) {
	return func(ctx context.Context, in *I) (*acceptedOutput, error) {
		r := P(in).asked()
		r.Kind = kind
		o, err := s.tenants.Submit(ctx, r, caller(ctx))
		if err != nil {
			return nil, err
		}
		return accepted(o), nil
	}
}
