package rest

import (
	"strconv"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Event is a change as the API tells it.
type Event struct {
	ID           string              `json:"id" doc:"Names the event, for Last-Event-ID and after. Ids do not grow from event to event." example:"4711"`
	Type         string              `json:"type" doc:"What has changed, and to what: operation.STATE, tenant.STATUS, tenant.changed, step.STATUS, incident.opened and incident.closed of the breaker, incident.declared, incident.updated, incident.resolved, incident.reopened and incident.alerted of those that people respond to, capacity.short, capacity.enough, fleet.STATE, maintenance.STATE, maintenance.changed; more may come." example:"operation.running"`
	At           time.Time           `json:"at" doc:"When its transaction began: not the order of events."`
	TenantID     tenant.ID           `json:"tenantId,omitempty" format:"uuid" doc:"Whose change it is; absent of an incident." example:"01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01"`
	OperationID  tenant.OperationID  `json:"operationId,omitempty" format:"uuid" doc:"The operation that it belongs to; absent where there is none." example:"01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"`
	Kind         tenant.Kind         `json:"kind,omitempty" doc:"The operation's kind."`
	State        tenant.State        `json:"state,omitempty" doc:"The operation's state, where that has changed."`
	Status       tenant.Status       `json:"status,omitempty" doc:"The tenant's status, where that may have changed."`
	Step         tenant.Step         `json:"step,omitempty" doc:"The step that was begun, done, undone or skipped, or has failed." example:"CREATE_SCHEMA"`
	StepStatus   tenant.StepStatus   `json:"stepStatus,omitempty" doc:"What became of the step."`
	Attempt      int                 `json:"attempt,omitempty" doc:"Which attempt at the step, counted from 1."`
	FailedStep   tenant.Step         `json:"failedStep,omitempty" doc:"The step that stands in the operation's way." example:"SEND_WELCOME_EMAIL"`
	FailureClass tenant.FailureClass `json:"failureClass,omitempty" doc:"The sort of failure."`
	IncidentID   int64               `json:"incidentId,omitempty" doc:"The incident's number."`
	Declared     string              `json:"declared,omitempty" doc:"The declared incident that has changed." example:"INC-000012"`
	Dependency   tenant.Dependency   `json:"dependency,omitempty" doc:"What fails, of an incident."`
	Capacity     tenant.Resource     `json:"capacity,omitempty" doc:"What is short or has room again." example:"disk"`
	Cause        string              `json:"cause,omitempty" doc:"Why, of an incident or what is short."`
	WindowID     tenant.WindowID     `json:"windowId,omitempty" format:"uuid" doc:"The maintenance window that has changed." example:"01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"`
	FleetRunID   tenant.FleetID      `json:"fleetRunId,omitempty" format:"uuid" doc:"The run on all tenants that has come to another state." example:"01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"`
	FleetKind    tenant.FleetKind    `json:"fleetKind,omitempty" doc:"That run's kind."`
	FleetState   tenant.FleetState   `json:"fleetState,omitempty" doc:"That run's state."`
}

func viewEvent(e *tenant.ChangeEvent) Event {
	return Event{
		ID: strconv.FormatInt(int64(e.ID), 10), Type: e.Type, At: e.At.UTC(), TenantID: e.Tenant, OperationID: e.Operation,
		Kind: e.Kind, State: e.State, Status: e.Status,
		Step: e.Step, StepStatus: e.StepStatus, Attempt: e.Attempt,
		FailedStep: e.FailedStep, FailureClass: e.FailureClass,
		IncidentID: e.IncidentID, Declared: e.Declared, Dependency: e.Dependency, Cause: e.Cause, WindowID: e.WindowID, Capacity: e.Capacity,
		FleetRunID: e.FleetRunID, FleetKind: e.FleetKind, FleetState: e.FleetState,
	}
}
