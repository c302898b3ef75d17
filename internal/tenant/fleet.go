package tenant

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// FleetID identifies a fleet run: a UUIDv7 in its canonical lower-case form.
type FleetID string

// FleetKind is what a fleet run does to each of its tenants.
type FleetKind string

// FleetMigrate brings the schemas of tenants to the newest version of their
// template.
const FleetMigrate FleetKind = "migrate"

// FleetBackup makes a backup of each tenant, and of the control tables last.
const FleetBackup FleetKind = "backup"

// FleetDrill restores the backups of some tenants for practice.
const FleetDrill FleetKind = "drill"

// FleetKinds lists every kind.
func FleetKinds() []FleetKind { return []FleetKind{FleetMigrate, FleetBackup, FleetDrill} }

// FleetLifecycle is a kind's row in the table of kinds: what the engine must know of it.
type FleetLifecycle struct {
	Kind FleetKind
	// Workflow is the workflow's type, as the Web UI shows it.
	Workflow string
	// Follows tells that tenants which come while a run works are taken into it: it ends
	// only when there is none left.
	Follows bool
	// Defaults are the settings of a run that says nothing else.
	Defaults FleetSettings
}

// fleetLifecycles are the rows.
var fleetLifecycles = []FleetLifecycle{
	{
		Kind: FleetMigrate, Workflow: "MigrateTenants", Follows: true,
		Defaults: FleetSettings{Canary: 1, Percent: []int{10, 50, 100}, Lanes: 4, Budget: 5, Attempts: 5},
	},
	{
		// A broken tenant is no reason to leave the others without a backup.
		Kind: FleetBackup, Workflow: "BackupTenants",
		Defaults: FleetSettings{Percent: []int{100}, Lanes: 2, Budget: math.MaxInt32, Attempts: 4},
	},
	{
		Kind: FleetDrill, Workflow: "DrillRestores",
		Defaults: FleetSettings{Percent: []int{100}, Lanes: 1, Budget: math.MaxInt32, Attempts: 3},
	},
}

// Lifecycle is the kind's row; false where there is none.
func (k FleetKind) Lifecycle() (FleetLifecycle, bool) {
	i := slices.IndexFunc(fleetLifecycles, func(l FleetLifecycle) bool { return l.Kind == k })
	if i < 0 {
		return FleetLifecycle{}, false
	}
	return fleetLifecycles[i], true
}

// FleetState is where a fleet run is.
type FleetState string

const (
	// FleetPending is accepted; it starts by itself as soon as a worker and Temporal
	// are there.
	FleetPending FleetState = "PENDING"
	// FleetRunning is being worked on.
	FleetRunning FleetState = "RUNNING"
	// FleetPaused begins no tenant until a person has it go on: somebody paused it, or
	// more tenants have failed than its budget allows.
	FleetPaused FleetState = "PAUSED"
	// FleetAborting lets what is being done end, and then is over.
	FleetAborting FleetState = "ABORTING"
	// FleetCompleted has done every tenant.
	FleetCompleted FleetState = "COMPLETED"
	// FleetFailed has come to its end and left tenants behind that have failed. A retry
	// opens it again.
	FleetFailed FleetState = "FAILED"
	// FleetAborted was ended by a person; what was done stays.
	FleetAborted FleetState = "ABORTED"
)

// FleetStates lists every state.
func FleetStates() []FleetState {
	return []FleetState{FleetPending, FleetRunning, FleetPaused, FleetAborting, FleetCompleted, FleetFailed, FleetAborted}
}

// Closed reports whether nothing happens any more in this state by itself.
func (s FleetState) Closed() bool {
	return s == FleetCompleted || s == FleetFailed || s == FleetAborted
}

// FleetAction is what a person may do with a fleet run.
type FleetAction string

// What may be done.
const (
	// FleetPause begins no further tenant.
	FleetPause FleetAction = "pause"
	// FleetResume goes on, with the failures that there are by now.
	FleetResume FleetAction = "resume"
	// FleetAbort ends the run for good; what was done stays.
	FleetAbort FleetAction = "abort"
	// FleetRetry does the tenants again that have failed, and goes on.
	FleetRetry FleetAction = "retry"
)

// FleetActions lists every action, in the order in which they are offered.
func FleetActions() []FleetAction {
	return []FleetAction{FleetPause, FleetResume, FleetRetry, FleetAbort}
}

// fleetMoves is what each action leads to, by the state before.
var fleetMoves = map[FleetAction]map[FleetState]FleetState{
	FleetPause:  {FleetPending: FleetPaused, FleetRunning: FleetPaused},
	FleetResume: {FleetPaused: FleetRunning},
	FleetAbort:  {FleetPending: FleetAborting, FleetRunning: FleetAborting, FleetPaused: FleetAborting},
	FleetRetry:  {FleetRunning: FleetRunning, FleetPaused: FleetRunning, FleetFailed: FleetPending},
}

// NextFleetState is the state that an action leads to; false where it is not allowed.
func NextFleetState(s FleetState, a FleetAction) (FleetState, bool) {
	to, allowed := fleetMoves[a][s]
	return to, allowed
}

// AllowedFleetActions lists what a person may do in a state. It is empty, never nil,
// when there is nothing.
func AllowedFleetActions(s FleetState) []FleetAction {
	return slices.DeleteFunc(FleetActions(), func(a FleetAction) bool { _, allowed := NextFleetState(s, a); return !allowed })
}

// AuditName is what the audit log calls the action.
func (a FleetAction) AuditName() string { return "fleet-" + string(a) }

// FleetActionRefusedError is an action that the run's state does not allow.
type FleetActionRefusedError struct {
	Action  FleetAction   `json:"action"`
	State   FleetState    `json:"state"`
	Allowed []FleetAction `json:"allowed"`
}

func (e *FleetActionRefusedError) Error() string {
	allowed := "nothing"
	if len(e.Allowed) > 0 {
		names := make([]string, len(e.Allowed))
		for i, a := range e.Allowed {
			names[i] = string(a)
		}
		allowed = strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s is refused: the run is %s, which allows: %s", e.Action, e.State, allowed)
}

// FleetOpenError is a run that is refused because another one of its kind is open.
type FleetOpenError struct {
	Kind FleetKind
	Open FleetID
}

func (e *FleetOpenError) Error() string {
	return fmt.Sprintf("a run of kind %s is open already (%s), and has to end first", e.Kind, e.Open)
}

// FleetSettings bound a run. Its JSON is stored with the run.
type FleetSettings struct {
	// Canary is how many tenants come first; a single failure among them pauses the run.
	Canary int `json:"canary"`
	// Percent cuts each tier's tenants into waves: 10, 50, 100 does a tenth, then up to
	// half, then the rest, and begins with the next tier after that.
	Percent []int `json:"percent"`
	// Tiers is the order of tiers; those that are not named come last, by name.
	Tiers []string `json:"tiers,omitempty"`
	// Lanes is how many tenants are done at a time.
	Lanes int `json:"lanes"`
	// Budget is how many tenants may fail before the run pauses.
	Budget int `json:"budget"`
	// Attempts is how often a tenant is tried whose failure may pass.
	Attempts int `json:"attempts"`
}

// maxLanes bounds what one run does at a time, and maxCanary what comes first.
const (
	maxLanes  = 64
	maxCanary = 1000
)

// Check finds values that no run can have.
func (s FleetSettings) Check() error {
	var errs []FieldError
	wrong := func(bad bool, field, message string) {
		if bad {
			errs = append(errs, FieldError{Field: field, Message: message})
		}
	}
	wrong(s.Canary < 0 || s.Canary > maxCanary, "canary", "must be a number of tenants from 0 to 1000")
	wrong(s.Lanes < 1 || s.Lanes > maxLanes, "lanes", "must be from 1 to 64")
	wrong(s.Budget < 0, "budget", "must be 0 or more tenants")
	wrong(s.Attempts < 1, "attempts", "must be 1 or more")
	wrong(len(s.Percent) == 0 || !slices.IsSorted(s.Percent) || s.Percent[0] < 1 || s.Percent[len(s.Percent)-1] != 100,
		"percent", "must rise to 100, as 10, 50, 100 does")
	if len(errs) > 0 {
		return &InvalidError{Fields: errs}
	}
	return nil
}

// FleetCounts are the tenants of a run by what has become of them.
type FleetCounts struct {
	Pending int `json:"pending"`
	Done    int `json:"done"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

// Total is all of them.
func (c FleetCounts) Total() int { return c.Pending + c.Done + c.Failed + c.Skipped }

// FleetStanding is how the latest run of a kind stands, for those who watch.
type FleetStanding struct {
	// Idle is how long ago it has done a tenant, or was accepted; zero where it is over.
	Idle time.Duration
	// Failed counts its tenants that have failed and are still there.
	Failed int
}

// FleetRun is one piece of work on all tenants, from its acceptance to its end. There
// is at most one open run of a kind.
type FleetRun struct {
	ID       FleetID
	Kind     FleetKind
	State    FleetState
	Settings FleetSettings
	// Params are what the kind alone understands.
	Params json.RawMessage
	// Wave is the one that is being done, of Waves; the canary is wave 0.
	Wave, Waves int
	Counts      FleetCounts
	// Note is why it is in its state, or what it waits for; empty while all goes well.
	Note string
	// Actor has asked for it, and Reason is why.
	Actor, Reason string
	// RunID is the workflow that has it; empty before.
	RunID      string
	Version    int64
	CreatedAt  time.Time
	StartedAt  time.Time
	FinishedAt time.Time
	UpdatedAt  time.Time
}

// AllowedActions lists what a person may do with the run now.
func (r FleetRun) AllowedActions() []FleetAction { return AllowedFleetActions(r.State) }

// WorkflowID names the Temporal workflow that does the run.
func (r FleetRun) WorkflowID() string { return "fleet-" + string(r.Kind) + "/" + string(r.ID) }

// FleetItemState is what has become of a tenant in a run.
type FleetItemState string

const (
	// FleetItemPending is to be done, or to be tried again.
	FleetItemPending FleetItemState = "PENDING"
	// FleetItemDone is done.
	FleetItemDone FleetItemState = "DONE"
	// FleetItemFailed cannot be done, and is as it was before.
	FleetItemFailed FleetItemState = "FAILED"
	// FleetItemSkipped had nothing to be done by the time its turn came: the tenant was
	// purged.
	FleetItemSkipped FleetItemState = "SKIPPED"
)

// FleetItemStates lists every state.
func FleetItemStates() []FleetItemState {
	return []FleetItemState{FleetItemPending, FleetItemDone, FleetItemFailed, FleetItemSkipped}
}

// FleetItem is one tenant in a run.
type FleetItem struct {
	Tenant   ID
	Wave     int
	State    FleetItemState
	Attempts int
	// Class and Error say why the last attempt failed; empty if it did not.
	Class      FailureClass
	Error      string
	FinishedAt time.Time
	UpdatedAt  time.Time
}

// FleetFence is what an attempt at a tenant must still hold when it commits.
type FleetFence struct {
	Fleet FleetID `json:"fleet"`
	// Run is the workflow that has the run.
	Run string `json:"run"`
	// Tenant is empty where the whole run is meant.
	Tenant ID `json:"tenant,omitempty"`
}

// Of is the fence of one tenant of the run.
func (f FleetFence) Of(id ID) FleetFence {
	f.Tenant = id
	return f
}

// FleetStep is what a run has to do next.
type FleetStep struct {
	State FleetState `json:"state"`
	// Tenants are of one wave. There are none while the run is paused, and where all
	// that are left wait for their next attempt: then After is how long.
	Tenants []ID          `json:"tenants,omitempty"`
	After   time.Duration `json:"after,omitempty"`
	Lanes   int           `json:"lanes"`
	Wave    int           `json:"wave"`
	Waves   int           `json:"waves"`
	Counts  FleetCounts   `json:"counts"`
	Note    string        `json:"note,omitempty"`
}

// FleetFailure is a tenant that could not be done.
type FleetFailure struct {
	Fence     FleetFence
	Class     FailureClass
	Reason    string
	Permanent bool
}

// FleetRequest asks for a run.
type FleetRequest struct {
	Kind     FleetKind
	Settings FleetSettings
	Params   json.RawMessage
	Reason   string
	// IdempotencyKey makes a repeated request get the same run; empty is none.
	IdempotencyKey string
}

// FleetFilter picks runs for a listing.
type FleetFilter struct {
	Kind   FleetKind
	State  FleetState
	Cursor string
	Limit  int
}

// FleetItemFilter picks tenants of a run.
type FleetItemFilter struct {
	State  FleetItemState
	Cursor string
	Limit  int
}

// NewFleetID makes the id of a run.
func NewFleetID() (FleetID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make the id of a fleet run: %w", err)
	}
	return FleetID(id.String()), nil
}

// ReadFleetID reads the id of a run in any spelling of a UUID.
func ReadFleetID(s string) (FleetID, error) {
	id := canonical(s)
	if err := canonicalUUID(id); err != nil {
		return "", &InvalidError{Fields: []FieldError{{Field: "id", Message: "a fleet run's id is a UUID, such as 01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"}}}
	}
	return FleetID(id), nil
}

// SchemaVersion is how many tenants' schemas are at a version of the template.
type SchemaVersion struct {
	Version int64 `json:"version"`
	Tenants int   `json:"tenants"`
}

// DrillParams are those of a run of the kind drill.
type DrillParams struct {
	// Tenants are those whose last good backup is restored for practice; empty: a random
	// sample.
	Tenants []ID `json:"tenants,omitempty"`
	// Sample is how many tenants that has.
	Sample int `json:"sample,omitempty"`
}

// DrillSample is how many tenants the weekly drill takes: whoever has a hundred tenants
// sees each of them every ten weeks, on average.
const DrillSample = 10

// BackupParams are those of a run of the kind backup.
type BackupParams struct {
	// Tenants are those to back up; empty: all, and the control tables.
	Tenants []ID `json:"tenants,omitempty"`
}
