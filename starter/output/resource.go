package output

import (
	"time"

	"tenant-provisioning/internal/tenant"
)

// Tenant is a tenant as the HTTP API writes it.
type Tenant struct {
	ID             tenant.ID             `json:"id"`
	Name           string                `json:"name"`
	Slug           string                `json:"slug"`
	Status         tenant.Status         `json:"status"`
	SchemaName     string                `json:"schemaName"`
	RoleName       string                `json:"roleName"`
	ContractID     string                `json:"contractId,omitempty"`
	Generation     int                   `json:"generation"`
	Tier           string                `json:"tier"`
	Region         string                `json:"region"`
	AdminEmail     string                `json:"adminEmail,omitempty"`
	AdminFirstName string                `json:"adminFirstName,omitempty"`
	AdminLastName  string                `json:"adminLastName,omitempty"`
	FailureReason  string                `json:"failureReason,omitempty"`
	CreatedAt      time.Time             `json:"createdAt"`
	UpdatedAt      time.Time             `json:"updatedAt"`
	ActivatedAt    *time.Time            `json:"activatedAt,omitempty"`
	PurgeAfter     *time.Time            `json:"purgeAfter,omitempty"`
	ArchivedFrom   tenant.Status         `json:"archivedFrom,omitempty"`
	LegalHold      *tenant.LegalHold     `json:"legalHold,omitempty"`
	OpenOperation  *tenant.OpenOperation `json:"openOperation,omitempty"`
}

// Text is a form.
func (t Tenant) Text() string {
	return form([]pair{
		{"tenant", t.Name}, {"id", string(t.ID)}, {"status", string(t.Status)}, {"schema", t.SchemaName},
		{"contract", t.ContractID}, {"administrator", t.administrator()},
		{"failure", t.FailureReason}, {"archived from", string(t.ArchivedFrom)}, {"purge after", momentOf(t.PurgeAfter)}, {"legal hold", t.hold()},
	})
}

// administrator is empty once it is erased.
func (t Tenant) administrator() string {
	if t.AdminEmail == "" {
		return ""
	}
	return t.AdminFirstName + " " + t.AdminLastName + " <" + t.AdminEmail + ">"
}

func (t Tenant) hold() string {
	if t.LegalHold == nil {
		return ""
	}
	return "set by " + t.LegalHold.SetBy + " on " + momentOf(&t.LegalHold.SetAt) + ": " + t.LegalHold.Reason
}

// NewTenant makes the document of a tenant.
func NewTenant(t tenant.Tenant) Tenant {
	return Tenant{
		ID: t.ID, Name: t.Name, Slug: t.Slug, Status: t.Status, SchemaName: t.Schema, RoleName: t.Role,
		ContractID: t.ContractID, Generation: t.Generation, Tier: t.Tier, Region: t.Region,
		AdminEmail: t.Administrator.Email, AdminFirstName: t.Administrator.FirstName, AdminLastName: t.Administrator.LastName,
		FailureReason: t.FailureReason, CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(), ActivatedAt: optional(t.ActivatedAt),
		PurgeAfter: optional(t.PurgeAfter), ArchivedFrom: t.ArchivedFrom, LegalHold: t.LegalHold, OpenOperation: t.OpenOperation,
	}
}

// openOperation says which one is open, and where it is.
func openOperation(o *tenant.OpenOperation) string {
	if o == nil {
		return ""
	}
	return string(o.Kind) + " " + string(o.State)
}

// Operation is an operation as the HTTP API writes it.
type Operation struct {
	ID                tenant.OperationID  `json:"id"`
	TenantID          tenant.ID           `json:"tenantId"`
	Kind              tenant.Kind         `json:"kind"`
	State             tenant.State        `json:"state"`
	AllowedActions    []tenant.Action     `json:"allowedActions"`
	Generation        int                 `json:"generation"`
	NewName           string              `json:"newName,omitempty"`
	BackupID          string              `json:"backupId,omitempty"`
	Restored          *tenant.Restored    `json:"restored,omitempty"`
	FailedStep        tenant.Step         `json:"failedStep,omitempty"`
	FailureClass      tenant.FailureClass `json:"failureClass,omitempty"`
	FailureReason     string              `json:"failureReason,omitempty"`
	Attempts          int                 `json:"attempts,omitempty"`
	WaitingFor        *tenant.WaitingFor  `json:"waitingFor,omitempty"`
	AttentionDeadline *time.Time          `json:"attentionDeadline,omitempty"`
	CreatedAt         time.Time           `json:"createdAt"`
	StartedAt         *time.Time          `json:"startedAt,omitempty"`
	FinishedAt        *time.Time          `json:"finishedAt,omitempty"`
	UpdatedAt         time.Time           `json:"updatedAt"`
	// LogMovedAt is when its log has left the database for the backup store.
	LogMovedAt *time.Time `json:"logMovedAt,omitempty"`

	since time.Time
	// logs is the command that reads the log of an operation that has ended.
	logs string
	// toldAgain has people told again at the deadline; otherwise it decides.
	toldAgain bool
}

// NewOperation makes the document of an operation.
func NewOperation(o tenant.Operation) Operation {
	then, _ := tenant.Next(tenant.StateNeedsAttention, o.Position(), tenant.EventDeadline) // where it is not parked, it has no deadline
	logs := ""
	if !o.FinishedAt.IsZero() {
		from, until := o.LogSpan()
		logs = "starter logs --since " + from.Format(time.RFC3339) + " --until " + until.Format(time.RFC3339) + " --tenant " + string(o.TenantID)
	}
	return Operation{
		ID: o.ID, TenantID: o.TenantID, Kind: o.Kind, State: o.State, AllowedActions: o.AllowedActions(),
		Generation: o.Generation, NewName: o.NewName, BackupID: o.Backup, Restored: o.Restored,
		FailedStep: o.FailedStep, FailureClass: o.FailureClass, FailureReason: o.FailureReason, Attempts: o.Attempts,
		WaitingFor: o.WaitingFor, AttentionDeadline: optional(o.AttentionDeadline), CreatedAt: o.CreatedAt.UTC(), UpdatedAt: o.UpdatedAt.UTC(),
		StartedAt: optional(o.StartedAt), FinishedAt: optional(o.FinishedAt), since: o.WaitsSince(), toldAgain: then == tenant.StateNeedsAttention,
		LogMovedAt: optional(o.LogMovedAt), logs: logs,
	}
}
