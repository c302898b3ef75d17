package rest

import (
	"net/url"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Operation is an operation as the API shows it.
type Operation struct {
	ID                tenant.OperationID  `json:"id" format:"uuid" doc:"Identifies the operation." example:"01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"`
	TenantID          tenant.ID           `json:"tenantId" format:"uuid" doc:"The tenant that it works on." example:"01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01"`
	Kind              tenant.Kind         `json:"kind" doc:"What it does."`
	State             tenant.State        `json:"state" doc:"Where it is. SUCCEEDED and ROLLED_BACK are final; NEEDS_ATTENTION and ROLLBACK_BLOCKED wait for a person."`
	Generation        int                 `json:"generation" doc:"How often the tenant was provisioned by then, counted from 1." example:"1"`
	NewName           string              `json:"newName,omitempty" doc:"The tenant's new name, held for it while the operation is open; it has it together with its new status." example:"St. Mary's at the Lake"`
	BackupID          string              `json:"backupId,omitempty" format:"uuid" doc:"Of a restore: the backup." example:"01920e6b-0c1d-7fd2-8a31-5c6f7d8e9f01"`
	Restored          *Restored           `json:"restored,omitempty" doc:"Of a restore, once the backup was read and verified: what it has."`
	FailedStep        tenant.Step         `json:"failedStep,omitempty" doc:"The step that stands in the way, or that ended the operation." example:"SEND_WELCOME_EMAIL"`
	FailureClass      tenant.FailureClass `json:"failureClass,omitempty" doc:"The sort of failure."`
	FailureReason     string              `json:"failureReason,omitempty" doc:"The failure in plain words, with what to do." example:"smtp: refused the recipient's address (550 5.1.1): change it with PATCH /v1/tenants/{id}, then retry"`
	Attempts          int                 `json:"attempts,omitempty" doc:"How often the failed step was tried."`
	AllowedActions    []tenant.Action     `json:"allowedActions" nullable:"false" doc:"What a person may do with it now."`
	WaitingFor        *WaitingFor         `json:"waitingFor,omitempty" doc:"The incident, the maintenance window or the room that it waits for; absent when it waits for none. Nobody need act on it."`
	AttentionDeadline time.Time           `json:"attentionDeadline,omitzero" required:"false" doc:"When a parked operation goes on if nobody decides: it rolls back or, past the point of no return, ends without the steps that it can do without. Where neither may be, as before a suspension is done, people are told again."`
	CreatedAt         time.Time           `json:"createdAt" doc:"When it was accepted."`
	StartedAt         time.Time           `json:"startedAt,omitzero" required:"false" doc:"When a worker took it."`
	FinishedAt        time.Time           `json:"finishedAt,omitzero" required:"false" doc:"When it ended."`
	UpdatedAt         time.Time           `json:"updatedAt" doc:"When it last changed."`
	Logs              string              `json:"logs,omitempty" format:"uri-reference" doc:"Where the log of an operation that has ended is read (role operator), whether it is in the database or has moved to the backup store." example:"/v1/logs?since=2026-11-30T02%3A00%3A00Z&tenantId=01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01&until=2026-11-30T02%3A01%3A05Z"`
}

// Restored is what a restore has made of a backup.
type Restored struct {
	TakenAt time.Time `json:"takenAt" doc:"The moment that the data is from."`
	Rows    int64     `json:"rows" doc:"How many rows there are in all tables." example:"1204"`
	Version int64     `json:"templateVersion" doc:"The version of the template that the tenant's schema has by the restore." example:"1"`
	Plain   []string  `json:"plainTables,omitempty" nullable:"false" doc:"Tables that the template does not make: they have their columns and rows, and none of their constraints, indexes, triggers and grants."`
}

// WaitingFor is an open incident that an operation waits for, a maintenance window that
// refuses changes, or a resource that is short.
type WaitingFor struct {
	IncidentID   int64             `json:"incidentId,omitempty" doc:"The incident's number." example:"3"`
	WindowID     tenant.WindowID   `json:"windowId,omitempty" format:"uuid" doc:"The read-only maintenance window whose end it waits for." example:"01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"`
	Capacity     tenant.Resource   `json:"capacity,omitempty" doc:"What is short, so that provisioning waits; absent where it waits for something else." example:"disk"`
	Dependency   tenant.Dependency `json:"dependency,omitempty" doc:"What fails for many tenants at once, or would; absent where it waits for a maintenance window."`
	Cause        string            `json:"cause" doc:"Why, in plain words." example:"the mail provider does not answer"`
	Since        time.Time         `json:"since" doc:"When that began."`
	Until        time.Time         `json:"until,omitzero" required:"false" doc:"When the maintenance window ends, as announced; absent where nobody knows when it is over."`
	ActionNeeded bool              `json:"actionNeeded" enum:"false" doc:"Always false: the operation goes on by itself when that is over."`
	Message      string            `json:"message" doc:"All of it in a sentence."`
}

func viewOperation(o tenant.Operation) Operation {
	return Operation{
		ID: o.ID, TenantID: o.TenantID, Kind: o.Kind, State: o.State, Generation: o.Generation, NewName: o.NewName, BackupID: o.Backup, Restored: (*Restored)(o.Restored),
		FailedStep: o.FailedStep, FailureClass: o.FailureClass, FailureReason: o.FailureReason, Attempts: o.Attempts,
		AllowedActions: o.AllowedActions(), WaitingFor: (*WaitingFor)(o.WaitingFor), AttentionDeadline: o.AttentionDeadline.UTC(),
		CreatedAt: o.CreatedAt.UTC(), StartedAt: o.StartedAt.UTC(), FinishedAt: o.FinishedAt.UTC(), UpdatedAt: o.UpdatedAt.UTC(), Logs: logsOf(o),
	}
}

// logsOf is the request that reads the log of an operation that has ended.
func logsOf(o tenant.Operation) string {
	if o.FinishedAt.IsZero() {
		return ""
	}
	since, until := o.LogSpan()
	return "/v1/logs?" + url.Values{"since": {since.Format(time.RFC3339)}, "until": {until.Format(time.RFC3339)}, "tenantId": {string(o.TenantID)}}.Encode()
}

// list is one page of a listing.
type list[T any] struct {
	Items      []T    `json:"items" nullable:"false" doc:"The newest first."`
	NextCursor string `json:"nextCursor,omitempty" doc:"The cursor of the next page; there is none on the last."`
}

func viewPage[T, V any](p tenant.Page[T], view func(T) V) list[V] {
	l := list[V]{Items: make([]V, len(p.Items)), NextCursor: p.NextCursor}
	for i, item := range p.Items {
		l.Items[i] = view(item)
	}
	return l
}
