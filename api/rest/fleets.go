package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// Fleets is the part of the control plane that follows and steers runs on all tenants.
// *operations.Fleets is one.
type Fleets interface {
	Find(ctx context.Context, id tenant.FleetID) (tenant.FleetRun, error)
	List(ctx context.Context, f tenant.FleetFilter) (tenant.Page[tenant.FleetRun], error)
	Items(ctx context.Context, id tenant.FleetID, f tenant.FleetItemFilter) (tenant.Page[tenant.FleetItem], error)
	// Act refuses with *tenant.FleetActionRefusedError or *tenant.FleetOpenError.
	Act(ctx context.Context, id tenant.FleetID, a tenant.FleetAction, r tenant.ActionRequest, who tenant.Caller) (tenant.FleetRun, error)
	// Refused audits an action that was refused before it came to Act.
	Refused(ctx context.Context, id tenant.FleetID, a tenant.FleetAction, who tenant.Caller, why string) error
}

// FleetRun is a run on all tenants as the API shows it.
type FleetRun struct {
	ID             tenant.FleetID       `json:"id" format:"uuid" doc:"Identifies the run." example:"01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"`
	Kind           tenant.FleetKind     `json:"kind" doc:"What it does to each tenant."`
	State          tenant.FleetState    `json:"state" doc:"Where it is."`
	Wave           int                  `json:"wave" doc:"The wave that is being done, from 0." example:"1"`
	Waves          int                  `json:"waves" doc:"How many there are; 0 until they are planned." example:"4"`
	Counts         FleetCounts          `json:"counts" doc:"Its tenants, by what has become of them."`
	Settings       FleetSettings        `json:"settings" doc:"What bounds it."`
	Params         json.RawMessage      `json:"params" doc:"What its kind alone understands."`
	Note           string               `json:"note,omitempty" doc:"Why it is in its state, or what it waits for." example:"6 tenants have failed, more than the budget of 5 allows; see why, then retry, resume or abort"`
	Actor          string               `json:"actor" doc:"Who has asked for it." example:"ada"`
	Reason         string               `json:"reason" doc:"Why." example:"release 2.4"`
	AllowedActions []tenant.FleetAction `json:"allowedActions" nullable:"false" doc:"What a person may do with it now."`
	CreatedAt      time.Time            `json:"createdAt" doc:"When it was accepted."`
	StartedAt      time.Time            `json:"startedAt,omitzero" required:"false" doc:"When a worker took it."`
	FinishedAt     time.Time            `json:"finishedAt,omitzero" required:"false" doc:"When it ended."`
	UpdatedAt      time.Time            `json:"updatedAt" doc:"When it last changed."`
}

// FleetCounts are the tenants of a run.
type FleetCounts struct {
	Pending int `json:"pending" doc:"To be done, or to be tried again."`
	Done    int `json:"done" doc:"Done."`
	Failed  int `json:"failed" doc:"Failed, and as they were before."`
	Skipped int `json:"skipped" doc:"Gone before their turn came."`
}

// FleetSettings bound a run.
type FleetSettings struct {
	Canary   int      `json:"canary" doc:"How many tenants come first; one of them that fails pauses the run."`
	Percent  []int    `json:"percent" nullable:"false" doc:"The waves of each tier, in percent of its tenants."`
	Tiers    []string `json:"tiers,omitempty" nullable:"false" doc:"The order of tiers."`
	Lanes    int      `json:"lanes" doc:"How many tenants are done at a time."`
	Budget   int      `json:"budget" doc:"How many tenants may fail before the run pauses."`
	Attempts int      `json:"attempts" doc:"How often a tenant is tried whose failure may pass."`
}

// FleetItem is one tenant of a run.
type FleetItem struct {
	TenantID     tenant.ID             `json:"tenantId" format:"uuid" doc:"The tenant." example:"01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01"`
	Wave         int                   `json:"wave" doc:"Its wave."`
	State        tenant.FleetItemState `json:"state" doc:"What has become of it."`
	Attempts     int                   `json:"attempts" doc:"How often it was tried."`
	FailureClass tenant.FailureClass   `json:"failureClass,omitempty" doc:"The sort of failure of the last attempt."`
	Error        string                `json:"error,omitempty" doc:"Why the last attempt failed."`
	FinishedAt   time.Time             `json:"finishedAt,omitzero" required:"false" doc:"When it was done, or failed."`
	UpdatedAt    time.Time             `json:"updatedAt" doc:"When it last changed."`
}

func viewFleet(r tenant.FleetRun) FleetRun {
	return FleetRun{
		ID: r.ID, Kind: r.Kind, State: r.State, Wave: r.Wave, Waves: r.Waves, Counts: FleetCounts(r.Counts), Settings: FleetSettings(r.Settings), Params: r.Params,
		Note: r.Note, Actor: r.Actor, Reason: r.Reason, AllowedActions: r.AllowedActions(),
		CreatedAt: r.CreatedAt.UTC(), StartedAt: r.StartedAt.UTC(), FinishedAt: r.FinishedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

func viewFleetItem(i tenant.FleetItem) FleetItem {
	return FleetItem{
		TenantID: i.Tenant, Wave: i.Wave, State: i.State, Attempts: i.Attempts, FailureClass: i.Class, Error: i.Error,
		FinishedAt: i.FinishedAt.UTC(), UpdatedAt: i.UpdatedAt.UTC(),
	}
}

// FleetPath names a run. It is exported, like TenantPath, because huma does not look into
// embedded types that are not.
type FleetPath struct {
	ID string `path:"id" format:"uuid" doc:"The run's id."`

	id tenant.FleetID
}

// Resolve checks what the schema cannot say.
func (p *FleetPath) Resolve(huma.Context) []error {
	id, err := tenant.ReadFleetID(p.ID)
	p.id = id
	return details("path", err)
}

type fleetsInput struct {
	State asked[tenant.FleetState] `query:"state" doc:"Only runs in this state."`
	Kind  asked[tenant.FleetKind]  `query:"kind" doc:"Only runs of this kind."`
	PageQuery
}

type fleetItemsInput struct {
	FleetPath
	State asked[tenant.FleetItemState] `query:"state" doc:"Only tenants in this state."`
	PageQuery
}

type fleetActionInput struct {
	FleetPath
	IdempotencyKey
	Body reason
}

// Resolve checks what the schema cannot say.
func (i *fleetActionInput) Resolve(ctx huma.Context) []error {
	errs := append(i.FleetPath.Resolve(ctx), i.IdempotencyKey.Resolve(ctx)...)
	return append(errs, checkReason("body", i.Body.Reason)...)
}

type (
	fleetOutput      struct{ Body FleetRun }
	fleetsOutput     struct{ Body list[FleetRun] }
	fleetItemsOutput struct {
		Body struct {
			Items      []FleetItem `json:"items" nullable:"false" doc:"In the order of the tenants' ids."`
			NextCursor string      `json:"nextCursor,omitempty" doc:"The cursor of the next page; there is none on the last."`
		}
	}
)

// fleetActionTexts say what each action does.
var fleetActionTexts = map[tenant.FleetAction][2]string{
	tenant.FleetPause:  {"Pause a run on all tenants", "Begins no further tenant; those that are being done come to their end."},
	tenant.FleetResume: {"Have a paused run go on", "The budget counts anew from the failures that there are."},
	tenant.FleetRetry:  {"Do the tenants of a run again that have failed", "And goes on. A run that has ended as FAILED is opened again."},
	tenant.FleetAbort:  {"End a run on all tenants", "What was done stays; those that are being done come to their end."},
}

func (s *Server) registerFleets() {
	register(s, endpoint{
		id: "list-fleet-runs", method: http.MethodGet, path: "/v1/fleet-runs", tag: tagFleets, role: token.RoleViewer,
		summary: "List runs on all tenants", description: "The newest first. `starter migrate tenants` begins one.",
	}, func(ctx context.Context, in *fleetsInput) (*fleetsOutput, error) {
		page, err := s.fleets.List(ctx, tenant.FleetFilter{State: tenant.FleetState(in.State), Kind: tenant.FleetKind(in.Kind), Cursor: in.Cursor, Limit: in.Limit})
		if err != nil {
			return nil, err
		}
		return &fleetsOutput{viewPage(page, viewFleet)}, nil
	})
	register(s, endpoint{
		id: "get-fleet-run", method: http.MethodGet, path: "/v1/fleet-runs/{id}", tag: tagFleets, role: token.RoleViewer,
		summary: "Follow a run on all tenants", problems: []Code{CodeNotFound},
	}, func(ctx context.Context, in *FleetPath) (*fleetOutput, error) {
		return fleetAnswer(s.fleets.Find(ctx, in.id))
	})
	register(s, endpoint{
		id: "list-fleet-run-items", method: http.MethodGet, path: "/v1/fleet-runs/{id}/items", tag: tagFleets, role: token.RoleViewer,
		summary: "List the tenants of a run", description: "`state=FAILED` are those that it could not do, each with its reason.", problems: []Code{CodeNotFound},
	}, s.listFleetItems)
	for _, a := range tenant.FleetActions() {
		register(s, endpoint{
			id: string(a) + "-fleet-run", method: http.MethodPost, path: "/v1/fleet-runs/{id}/" + string(a), tag: tagFleets, role: token.RoleOperator, status: http.StatusAccepted,
			summary: fleetActionTexts[a][0],
			description: fleetActionTexts[a][1] + " What is allowed now stands in `allowedActions` of the run. " +
				"Every well-formed request about a run that exists is audited with its reason, refused ones too.",
			problems: []Code{CodeNotFound, CodeActionRefused, CodeOperationOpen},
			refused: func(ctx context.Context, id string, who tenant.Caller, why string) error {
				run, err := tenant.ReadFleetID(id)
				if err != nil {
					return nil //nolint:nilerr // it would have touched nothing
				}
				return s.fleets.Refused(ctx, run, a, who, why)
			},
		}, func(ctx context.Context, in *fleetActionInput) (*fleetOutput, error) {
			return fleetAnswer(s.fleets.Act(ctx, in.id, a, tenant.ActionRequest{Reason: in.Body.Reason, RequestID: in.Key}, caller(ctx)))
		})
	}
}

func fleetAnswer(r tenant.FleetRun, err error) (*fleetOutput, error) {
	if err != nil {
		return nil, err
	}
	return &fleetOutput{viewFleet(r)}, nil
}

func (s *Server) listFleetItems(ctx context.Context, in *fleetItemsInput) (*fleetItemsOutput, error) {
	if _, err := s.fleets.Find(ctx, in.id); err != nil {
		return nil, err
	}
	page, err := s.fleets.Items(ctx, in.id, tenant.FleetItemFilter{State: tenant.FleetItemState(in.State), Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &fleetItemsOutput{}
	l := viewPage(page, viewFleetItem)
	out.Body.Items, out.Body.NextCursor = l.Items, l.NextCursor
	return out, nil
}
