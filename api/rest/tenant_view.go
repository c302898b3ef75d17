package rest

import (
	"time"

	"tenant-provisioning/internal/tenant"
)

// Tenant is a tenant as the API shows it.
type Tenant struct {
	ID             tenant.ID      `json:"id" format:"uuid" doc:"Identifies the tenant." example:"01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01"`
	Name           string         `json:"name" doc:"What people call it." example:"St. Mary's Hospital"`
	Slug           string         `json:"slug" doc:"The part of the name that is safe in an identifier; empty for a name of another script." example:"st_mary_s_hospital"`
	SchemaName     string         `json:"schemaName" doc:"Its schema in the database." example:"t_st_mary_s_hospital_7d8e9f01"`
	RoleName       string         `json:"roleName" doc:"Its role in the database." example:"t_st_mary_s_hospital_7d8e9f01"`
	Status         tenant.Status  `json:"status" doc:"Where it is in its life."`
	Generation     int            `json:"generation" doc:"How often it was provisioned." example:"1"`
	ContractID     string         `json:"contractId,omitempty" doc:"The address of its contract on Stellar; absent until it is deployed." example:"CDLZFC3SYJYDZT7K67VZ75HPJVIEUVNIXF47ZG2FB2RMQQVU2HHGCYSC"`
	AdminEmail     string         `json:"adminEmail,omitempty" doc:"The administrator's address, to which the tenant's mails go; absent once the tenant is purged." example:"ada@stmarys.example"`
	AdminFirstName string         `json:"adminFirstName,omitempty" example:"Ada"`
	AdminLastName  string         `json:"adminLastName,omitempty" example:"Lovelace"`
	Tier           string         `json:"tier" example:"standard"`
	Region         string         `json:"region" example:"default"`
	FailureReason  string         `json:"failureReason,omitempty" doc:"Why it is FAILED."`
	CreatedAt      time.Time      `json:"createdAt" doc:"When it was accepted."`
	UpdatedAt      time.Time      `json:"updatedAt" doc:"When it last changed."`
	ActivatedAt    time.Time      `json:"activatedAt,omitzero" required:"false" doc:"When it first became ACTIVE."`
	PurgeAfter     time.Time      `json:"purgeAfter,omitzero" required:"false" doc:"Of an ARCHIVED tenant: until when the archive can be taken back. From then on its data may be removed for good."`
	ArchivedFrom   tenant.Status  `json:"archivedFrom,omitempty" doc:"Of an ARCHIVED tenant: the status to which an undelete leads back."`
	LegalHold      *LegalHold     `json:"legalHold,omitempty" doc:"Keeps the tenant from being purged; absent when nobody has set one."`
	OpenOperation  *OpenOperation `json:"openOperation,omitempty" doc:"The operation that has not ended; absent when there is none."`
}

// LegalHold keeps a tenant from being purged.
type LegalHold struct {
	SetBy  string    `json:"setBy" doc:"The administrator who has set it." example:"alice"`
	SetAt  time.Time `json:"setAt" doc:"Since when."`
	Reason string    `json:"reason" doc:"Why, in the words of who has set it." example:"case 2026-17"`
}

// OpenOperation is what is going on with a tenant.
type OpenOperation struct {
	ID    tenant.OperationID `json:"id" format:"uuid" doc:"Identifies the operation." example:"01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"`
	Kind  tenant.Kind        `json:"kind" doc:"What it does."`
	State tenant.State       `json:"state" doc:"Where it is."`
}

func viewTenant(t tenant.Tenant) Tenant {
	return Tenant{
		ID: t.ID, Name: t.Name, Slug: t.Slug, SchemaName: t.Schema, RoleName: t.Role, Status: t.Status, Generation: t.Generation,
		ContractID: t.ContractID, AdminEmail: t.Administrator.Email, AdminFirstName: t.Administrator.FirstName,
		AdminLastName: t.Administrator.LastName, Tier: t.Tier, Region: t.Region, FailureReason: t.FailureReason,
		CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(), ActivatedAt: t.ActivatedAt.UTC(),
		PurgeAfter: t.PurgeAfter.UTC(), ArchivedFrom: t.ArchivedFrom, LegalHold: viewHold(t.LegalHold), OpenOperation: viewOpen(t.OpenOperation),
	}
}

func viewHold(h *tenant.LegalHold) *LegalHold {
	if h == nil {
		return nil
	}
	return &LegalHold{SetBy: h.SetBy, SetAt: h.SetAt.UTC(), Reason: h.Reason}
}

func viewOpen(o *tenant.OpenOperation) *OpenOperation {
	if o == nil {
		return nil
	}
	return &OpenOperation{ID: o.ID, Kind: o.Kind, State: o.State}
}

// Progress is how far a tenant's latest operation has come.
type Progress struct {
	TenantID  tenant.ID      `json:"tenantId" format:"uuid" doc:"The tenant."`
	Status    tenant.Status  `json:"status" doc:"Where the tenant is in its life."`
	Operation Operation      `json:"operation" doc:"Its latest operation."`
	Steps     []StepProgress `json:"steps" nullable:"false" doc:"Every step of an operation of this kind, in order."`
	Logs      []LogEntry     `json:"logs" nullable:"false" doc:"What happened, the oldest first."`
}

// StepProgress sums up the attempts at one step.
type StepProgress struct {
	Step       tenant.Step         `json:"step" doc:"Which." example:"CREATE_SCHEMA"`
	Status     tenant.StepStatus   `json:"status,omitempty" doc:"The outcome so far; absent when it has not begun."`
	Attempts   int                 `json:"attempts" doc:"How often it was tried."`
	DurationMS float64             `json:"durationMs" doc:"Milliseconds of the attempt that completed, or of the last one."`
	ErrorClass tenant.FailureClass `json:"errorClass,omitempty" doc:"The sort of the last failure."`
	Error      string              `json:"error,omitempty" doc:"The last failure in plain words."`
}

// LogEntry is one line of the log.
type LogEntry struct {
	Step           tenant.Step         `json:"step" doc:"Which." example:"CREATE_SCHEMA"`
	Status         tenant.StepStatus   `json:"status"`
	Attempt        int                 `json:"attempt" doc:"Counted from 1."`
	DurationMS     float64             `json:"durationMs,omitempty" doc:"Milliseconds of the step."`
	UndoDurationMS float64             `json:"undoDurationMs,omitempty" doc:"Milliseconds of its undo."`
	ErrorClass     tenant.FailureClass `json:"errorClass,omitempty"`
	Error          string              `json:"error,omitempty"`
	CreatedAt      time.Time           `json:"createdAt"`
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func viewProgress(p tenant.Progress) Progress {
	v := Progress{
		TenantID: p.Tenant.ID, Status: p.Tenant.Status, Operation: viewOperation(p.Operation),
		Steps: make([]StepProgress, len(p.Steps)), Logs: make([]LogEntry, len(p.Logs)),
	}
	for i, s := range p.Steps {
		v.Steps[i] = StepProgress{
			Step: s.Step, Status: s.Status, Attempts: s.Attempts, DurationMS: milliseconds(s.Duration),
			ErrorClass: s.ErrorClass, Error: s.Error,
		}
	}
	for i, l := range p.Logs {
		v.Logs[i] = LogEntry{
			Step: l.Step, Status: l.Status, Attempt: l.Attempt, DurationMS: milliseconds(l.Duration),
			UndoDurationMS: milliseconds(l.UndoDuration), ErrorClass: l.ErrorClass, Error: l.Error, CreatedAt: l.CreatedAt.UTC(),
		}
	}
	return v
}
