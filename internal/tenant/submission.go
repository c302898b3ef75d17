package tenant

import "errors"

// Request asks for an operation of a tenant that is there. As JSON it is what a
// repetition is compared with, so a field that is left out leaves nothing there.
type Request struct {
	Kind   Kind
	Tenant ID
	// Reason is why, in the caller's words. It may be empty unless the kind needs one.
	Reason string
	// NewName is the name that the tenant is to have from the pivot on; empty keeps
	// its own. Few kinds take one.
	NewName string `json:",omitempty"`
	// Backup is the id of the backup to restore, for a kind that takes one.
	Backup string `json:",omitempty"`
	// IdempotencyKey makes a repeated request do it once; empty for none.
	IdempotencyKey string `json:"-"`
	// OnlyDue is a Submission's.
	OnlyDue bool `json:"-"`
}

// Clean trims and checks the form of a request. The error, if any, is an
// *InvalidError with all the wrong fields.
func (r Request) Clean() (Request, error) {
	var errs []FieldError
	l, _ := r.Kind.Lifecycle()
	reason, err := l.CleanReason(r.Reason)
	if wrong, ok := errors.AsType[*InvalidError](err); ok {
		errs = append(errs, wrong.Fields...)
	}
	r.Reason = reason
	switch {
	case r.NewName == "":
	case !l.Renames:
		errs = append(errs, FieldError{Field: "name", Message: "must be left out: " + l.Verb + " gives no new name"})
	default:
		name, bad := CleanName(r.NewName)
		if bad != nil {
			errs = append(errs, *bad)
		}
		r.NewName = name
	}
	switch {
	case r.Backup == "" && l.TakesBackup:
		errs = append(errs, FieldError{Field: "backupId", Message: "must name a backup of the tenant; starter backup list TENANT-ID lists them"})
	case r.Backup != "" && !l.TakesBackup:
		errs = append(errs, FieldError{Field: "backupId", Message: "must be left out: " + l.Verb + " takes no backup"})
	}
	if len(errs) > 0 {
		return Request{}, &InvalidError{Fields: errs}
	}
	return r, nil
}

// Submission is a request for an operation, as it is recorded.
type Submission struct {
	// Operation has its id, kind, tenant and client, and the budgets that travel
	// with it.
	Operation Operation
	// New is the tenant that comes with the operation; nil for one that is there.
	New *Tenant
	// Import is where the new tenant comes from; nil for one that is made.
	Import *Import
	// IdempotencyKey is empty when the client gave none.
	IdempotencyKey string
	// Request is all that was asked for: the same key must come with the same again.
	Request []byte
	Actor   string
	// Claimed tells that nobody has checked who the actor is.
	Claimed bool
	// Admin tells that the actor may do what only an administrator may.
	Admin bool
	// Reason is why, in the actor's words; it may be empty.
	Reason string
	// OnlyDue accepts a purge only if the tenant's grace period is over, which the
	// claim checks once more. Without it a purge may come before that.
	OnlyDue bool
	// Resets tells that the administrator has a password, which the invitation
	// resets. Its acceptance finds that out.
	Resets bool
}

// ActionCreate is what the audit log calls an operation that came with its tenant.
const ActionCreate = "create"

// ActionImport is what the audit log calls the acceptance of a tenant that is taken over.
const ActionImport = "import"

// Action is what the audit log calls it.
func (s Submission) Action() string {
	switch {
	case s.Import != nil:
		return ActionImport
	case s.New != nil:
		return ActionCreate
	}
	return s.Operation.Kind.Verb()
}
