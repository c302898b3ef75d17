package rest

import (
	"maps"
	"reflect"
	"slices"

	"tenant-provisioning/internal/tenant"
)

// enumeration is a vocabulary, and what stands for its type in answers.
type enumeration struct {
	vocabulary

	alias reflect.Type
}

// vocabularies has the enumerations by their types. The values are the domain's
// own lists, so that the document knows a new one as soon as they do; here stands
// what they mean to a caller.
var vocabularies = map[reflect.Type]enumeration{
	reflect.TypeFor[tenant.Kind](): enumerate("Kind", "What an operation does to its tenant.", tenant.Kinds(), map[tenant.Kind]string{
		tenant.KindProvision: "creates a tenant, or provisions a failed one again",
		tenant.KindSuspend:   "ends the access to the tenant's data for now",
		tenant.KindResume:    "gives it back",
		tenant.KindArchive:   "ends the access for good, unless that is taken back in time",
		tenant.KindUndelete:  "takes an archive back",
		tenant.KindPurge:     "removes for good what the tenant was",
		tenant.KindInvite:    "sends the administrator another link to set a password by",
		tenant.KindRestore:   "puts what a backup holds into the place of the tenant's data",
	}),
	reflect.TypeFor[tenant.State](): enumerate("State", "Where an operation is. It ends in `SUCCEEDED` or `ROLLED_BACK`; one that has ended has `finishedAt`.", tenant.States(), map[tenant.State]string{
		tenant.StatePending:         "accepted; it starts by itself",
		tenant.StateRunning:         "being worked on; attempts that fail are repeated by themselves",
		tenant.StateNeedsAttention:  "waits for a person, who decides by one of `allowedActions`",
		tenant.StateRollingBack:     "being undone, the newest step first",
		tenant.StateRollbackBlocked: "an undo does not succeed; it is tried again ever more slowly, and a person may act",
		tenant.StateSucceeded:       "done",
		tenant.StateRolledBack:      "undone: the tenant has the status that it had before, or is FAILED if it was being provisioned",
	}),
	reflect.TypeFor[tenant.Status](): enumerate("Status", "Where a tenant is in its life.", tenant.Statuses(), map[tenant.Status]string{
		tenant.StatusPending:      "accepted, and waits for its operation to start",
		tenant.StatusProvisioning: "its schema, contract and users are being made",
		tenant.StatusActive:       "in use",
		tenant.StatusSuspended:    "its access is off for now; all its data is kept",
		tenant.StatusFailed:       "its provisioning was rolled back; its name is free, and it can be provisioned again or deleted",
		tenant.StatusArchived:     "deleted, and can be taken back until `purgeAfter`: no access, its data is kept",
		tenant.StatusDeleted:      "its data is gone; the record stays",
	}),
	reflect.TypeFor[tenant.Step](): enumerate("Step", "A step of an operation. Which ones it has depends on its kind; some are left out where they have nothing to do.", tenant.Steps(), nil),
	reflect.TypeFor[tenant.StepStatus](): enumerate("StepStatus", "What came of an attempt at a step.", tenant.StepStatuses(), map[tenant.StepStatus]string{
		tenant.StepInProgress: "under way, or lost with its worker",
		tenant.StepCompleted:  "done",
		tenant.StepFailed:     "ended in an error",
		tenant.StepRolledBack: "its effect was undone",
		tenant.StepSkipped:    "given up by a person, a deadline or a cancel, or there was nobody to send its mail to",
	}),
	reflect.TypeFor[tenant.FailureClass](): enumerate("FailureClass", "The sort of a failure.", tenant.FailureClasses(), map[tenant.FailureClass]string{
		tenant.ClassPermanent:  "does not go away by waiting: somebody has to change something",
		tenant.ClassExhausted:  "a passing fault that lasted longer than the step's budget for retries",
		tenant.ClassConflict:   "something is in the way that belongs to somebody else",
		tenant.ClassCapacity:   "a limit was reached: disk, connections, balance",
		tenant.ClassAuth:       "a key, password or signature was refused",
		tenant.ClassCancelled:  "stopped by a person",
		tenant.ClassUndoFailed: "an undo did not succeed",
	}),
	reflect.TypeFor[tenant.WindowState](): enumerate("WindowState", "Where a maintenance window is.", tenant.WindowStates(), map[tenant.WindowState]string{
		tenant.WindowPlanned:   "to come",
		tenant.WindowRunning:   "under way",
		tenant.WindowCompleted: "over",
		tenant.WindowSkipped:   "called off, or nobody was there to begin it",
	}),
	reflect.TypeFor[tenant.WindowMode](): enumerate("WindowMode", "What callers may do during a maintenance window.", tenant.WindowModes(), map[tenant.WindowMode]string{
		tenant.WindowNormal:   "everything",
		tenant.WindowReadOnly: "read, and what operators need; other changes are answered 503 `maintenance`",
	}),
	reflect.TypeFor[tenant.WindowTaskState](): enumerate("WindowTaskState", "How far a task of a maintenance window is.", tenant.WindowTaskStates(), map[tenant.WindowTaskState]string{
		tenant.TaskPending: "has not begun",
		tenant.TaskRunning: "under way",
		tenant.TaskDone:    "done, or ticked",
		tenant.TaskFailed:  "given up; the next window tries it again",
		tenant.TaskSkipped: "left when the window ended",
	}),
	reflect.TypeFor[tenant.DeclaredState](): enumerate("DeclaredState", "Where a declared incident stands.", tenant.DeclaredStates(), map[tenant.DeclaredState]string{
		tenant.DeclaredOpen:     "lasts",
		tenant.DeclaredResolved: "over; to be verified and written up",
		tenant.DeclaredClosed:   "has been through every step",
	}),
	reflect.TypeFor[tenant.IncidentSeverity](): enumerate("IncidentSeverity", "How bad a declared incident is.", tenant.IncidentSeverities(), map[tenant.IncidentSeverity]string{
		tenant.SeverityCritical: "something does not work for many",
		tenant.SeverityMajor:    "something works badly, or not at all for some",
		tenant.SeverityMinor:    "few notice",
	}),
	reflect.TypeFor[tenant.ResponseStep](): enumerate("ResponseStep", "A step of the response to an incident.", tenant.ResponseSteps(), map[tenant.ResponseStep]string{
		tenant.ResponseDetection:    "begins the clock",
		tenant.ResponseAssessment:   "what is disturbed, for whom and how badly, is known; within 5 minutes",
		tenant.ResponseMitigation:   "the harm is ended or bounded; within 15 minutes",
		tenant.ResponseResolution:   "the cause is removed",
		tenant.ResponseVerification: "it is shown to work again",
		tenant.ResponsePostmortem:   "it is written up, with what is to be changed",
	}),
	reflect.TypeFor[tenant.UpdateKind](): enumerate("IncidentUpdateKind", "What an update of an incident tells of.", tenant.UpdateKinds(), map[tenant.UpdateKind]string{
		tenant.UpdateDeclared: "its beginning",
		tenant.UpdateChanged:  "what was said, found or done",
		tenant.UpdateResolved: "its end",
		tenant.UpdateReopened: "that the end was none",
		tenant.UpdateAlerted:  "an alert that has begun or ended",
	}),
	reflect.TypeFor[tenant.Component](): enumerate("Component", "A part of the platform as its users see it.", tenant.Components(), nil),
	reflect.TypeFor[tenant.Dependency](): enumerate("Dependency", "A system that all tenants share.", tenant.Dependencies(), map[tenant.Dependency]string{
		tenant.DependencyDatabase: "PostgreSQL",
		tenant.DependencyLedger:   "Stellar's RPC server and the network behind it",
		tenant.DependencyMail:     "the mail provider, with its backup",
		tenant.DependencySigner:   "who signs for the contracts' administrator",
	}),
	reflect.TypeFor[tenant.Resource](): enumerate("Resource", "What adding tenants uses up.", tenant.Resources(), map[tenant.Resource]string{
		tenant.ResourceDisk:        "room for the databases and their write-ahead log",
		tenant.ResourceConnections: "connections to the database's server",
		tenant.ResourceLocks:       "places in the lock table of the database's server",
		tenant.ResourceBalance:     "XLM of the account that pays on the ledger",
	}),
	reflect.TypeFor[tenant.FleetKind](): enumerate("FleetKind", "What a run does to each tenant.", tenant.FleetKinds(), map[tenant.FleetKind]string{
		tenant.FleetMigrate: "brings the tenant's schema to the newest version of the template",
		tenant.FleetBackup:  "makes a backup of the tenant; of the control tables last",
		tenant.FleetDrill:   "restores the tenant's last backup for practice; the tenant is not touched",
	}),
	reflect.TypeFor[tenant.FleetState](): enumerate("FleetState", "Where a run on all tenants is.", tenant.FleetStates(), map[tenant.FleetState]string{
		tenant.FleetPending:   "accepted; it starts by itself",
		tenant.FleetRunning:   "being worked on",
		tenant.FleetPaused:    "begins no tenant until a person has it go on; `note` says why",
		tenant.FleetAborting:  "lets what is being done end, and then is over",
		tenant.FleetCompleted: "every tenant is done",
		tenant.FleetFailed:    "has come to its end, and some tenants have failed; a retry opens it again",
		tenant.FleetAborted:   "ended by a person; what was done stays",
	}),
	reflect.TypeFor[tenant.FleetItemState](): enumerate("FleetItemState", "What has become of a tenant in a run.", tenant.FleetItemStates(), map[tenant.FleetItemState]string{
		tenant.FleetItemPending: "to be done, or to be tried again",
		tenant.FleetItemDone:    "done",
		tenant.FleetItemFailed:  "could not be done, and is as it was before",
		tenant.FleetItemSkipped: "gone before its turn came",
	}),
	reflect.TypeFor[tenant.FleetAction](): enumerate("FleetAction", "What may be done with a run on all tenants.", tenant.FleetActions(), nil),
	reflect.TypeFor[tenant.RecordSource](): enumerate("RecordSource", "A log.", tenant.RecordSources(), map[tenant.RecordSource]string{
		tenant.RecordProvisioning: "what operations did, step by step",
		tenant.RecordAudit:        "who asked for what",
	}),
	reflect.TypeFor[tenant.Action](): enumerate("Action", "What may be done: with an operation, or with a tenant.", offered(), nil),
	reflect.TypeFor[Code]():          enumerate("Code", "The kind of a problem.", codes(), titles()),
}

func enumerate[T ~string](name, about string, values []T, meanings map[T]string) enumeration {
	e := enumeration{vocabulary: vocabulary{name: name, about: about}, alias: reflect.TypeFor[answered[T]]()}
	for _, value := range values {
		e.values = append(e.values, word{string(value), meanings[value]})
	}
	return e
}

// offered is what allowedActions can have: the actions on an operation, and the
// verbs of what may be asked for a tenant.
func offered() []tenant.Action {
	all := tenant.Actions()
	for _, l := range tenant.Lifecycles() {
		all = append(all, tenant.Action(l.Verb))
	}
	for _, a := range []tenant.FleetAction{tenant.FleetPause, tenant.FleetAbort} { // the others have the names of these
		all = append(all, tenant.Action(a))
	}
	return all
}

func codes() []Code { return slices.Sorted(maps.Keys(kinds)) }

func titles() map[Code]string {
	words := map[Code]string{}
	for code, k := range kinds {
		words[code] = k.title
	}
	return words
}
