package tenant

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// Dependency is something that the operations of all tenants share.
type Dependency string

const (
	// DependencyDatabase is PostgreSQL.
	DependencyDatabase Dependency = "database"
	// DependencyLedger is the Stellar RPC server and the network behind it.
	DependencyLedger Dependency = "ledger"
	// DependencyMail is the mail provider with its backup.
	DependencyMail Dependency = "mail"
	// DependencySigner is who holds the key of the contracts' administrator, where no
	// worker does.
	DependencySigner Dependency = "signer"
)

// Dependencies lists them all.
func Dependencies() []Dependency {
	return []Dependency{DependencyDatabase, DependencyLedger, DependencyMail, DependencySigner}
}

// Dependency is what a failure of the step is put down to when many fail
// alike.
func (s Step) Dependency() Dependency {
	for _, l := range lifecycles {
		if i := l.StageOf(s); i >= 0 && l.Stages[i].Covers[0] == s {
			return l.Stages[i].Needs
		}
	}
	return DependencyDatabase // which keeps the state of every other step as well
}

// DependsOn is what the failure is put down to.
func (f Failure) DependsOn() Dependency { return cmp.Or(f.Dependency, f.Step.Dependency()) }

// Needs reports whether an incident of d stops the step. A contract that nobody could
// end is not made either.
func (s Step) Needs(d Dependency) bool {
	return d == s.Dependency() || d == DependencySigner && s.Dependency() == DependencyLedger
}

// Incident is a dependency that fails for many tenants at once. While it is
// open nothing new is started, and what runs waits before a step that needs
// the dependency. Nothing in it is personal or secret.
type Incident struct {
	// ID is zero for an incident that nobody could write down: the database
	// itself is away or takes no writes.
	ID         int64      `json:"id"`
	Dependency Dependency `json:"dependency"`
	// Cause is the reason of the failure that opened it, in plain words.
	Cause string `json:"cause"`
	// Affected is how many operations had failed by then or, where nobody could
	// write their failures down, were under way.
	Affected int       `json:"affected"`
	OpenedAt time.Time `json:"openedAt,omitzero"`
	// ClosedAt is zero while it is open.
	ClosedAt time.Time `json:"closedAt,omitzero"`
	// LastProbeAt is when the dependency was last asked whether it is back.
	LastProbeAt time.Time `json:"lastProbeAt,omitzero"`
	// Reopened counts how often the failures came back soon after a probe had
	// closed it.
	Reopened int `json:"reopened"`
}

// HoldsWork reports whether what the incident stops waits for its end instead of
// using up its budgets. One that has come back too often has a probe that
// succeeds where work fails: waiting does not mend that, so people are to decide
// about each operation.
func (i Incident) HoldsWork() bool { return i.Reopened <= IncidentRelapses }

// String says which incident it is, for people.
func (i Incident) String() string {
	if i.ID == 0 {
		return "an outage of the " + string(i.Dependency)
	}
	return "incident " + strconv.FormatInt(i.ID, 10) + " of the " + string(i.Dependency)
}

// IncidentOpened is what a log says, once, of an incident.
const IncidentOpened = "INCIDENT: many tenants fail alike; new work waits, and running work before the step that needs what fails, until a probe succeeds"

// WaitingFor is what keeps an operation from going on, and ends by itself: an open
// incident, a read-only maintenance window, or a resource that is short. Nothing in it is
// personal or secret.
type WaitingFor struct {
	// IncidentID is zero for an outage that nobody could write down, and where it waits for
	// a window or for room.
	IncidentID int64 `json:"incidentId,omitempty"`
	// WindowID is the maintenance window whose end it waits for; empty where it waits for
	// something else.
	WindowID WindowID `json:"windowId,omitempty"`
	// Capacity is what is short; empty where it waits for something else.
	Capacity Resource `json:"capacity,omitempty"`
	// Dependency is what fails, or would; empty where it waits for a window.
	Dependency Dependency `json:"dependency,omitempty"`
	Cause      string     `json:"cause"`
	Since      time.Time  `json:"since"`
	// Until is when the window ends, as announced; zero where nobody knows when it is over.
	Until time.Time `json:"until,omitzero"`
	// ActionNeeded is false: nobody need act on the operation.
	ActionNeeded bool `json:"actionNeeded"`
	// Message says all of it, for people.
	Message string `json:"message"`
}

// WaitingFor is the incident as what waits for it shows it.
func (i Incident) WaitingFor() *WaitingFor {
	return &WaitingFor{
		IncidentID: i.ID, Dependency: i.Dependency, Cause: i.Cause, Since: i.OpenedAt.UTC(),
		Message: "waits for " + i.String() + ", since " + i.OpenedAt.UTC().Format(time.RFC3339) + ": " + i.Cause +
			"; nobody need act: it goes on by itself when that is over",
	}
}

// CauseDiskFull begins the cause of an incident of a database that has no room.
const CauseDiskFull = "the database's disk is full"

// Runbook is the page of docs/runbooks that says what to do about it.
func (i Incident) Runbook() string {
	switch {
	case i.Dependency == DependencyLedger:
		return "stellar-down.md"
	case i.Dependency == DependencyMail:
		return "email-down.md"
	case i.Dependency == DependencySigner:
		return "signer-away.md"
	case strings.HasPrefix(i.Cause, CauseDiskFull):
		return "database-full.md"
	}
	return "database-away.md"
}

// What makes an incident, and ends it.
const (
	// IncidentThreshold is how many operations must fail alike…
	IncidentThreshold = 10
	// IncidentWindow …within this time.
	IncidentWindow = time.Minute
	// IncidentQuiet is how long after its end failures still belong to the same
	// incident, since the probe was too kind. After it, it is over for good.
	IncidentQuiet = 10 * time.Minute
	// IncidentRelapses is how often an incident may come back and still be waited
	// for: with ever longer pauses between the probes, some five minutes.
	IncidentRelapses = 5
)
