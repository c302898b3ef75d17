package tenant

const (
	// KindProvision creates a tenant, or creates a failed one anew.
	KindProvision Kind = "provision"
	// KindSuspend ends the access to a tenant's data for now.
	KindSuspend Kind = "suspend"
	// KindResume gives it back.
	KindResume Kind = "resume"
	// KindArchive ends the access for good, unless it is taken back in time.
	KindArchive Kind = "archive"
	// KindUndelete takes an archive back.
	KindUndelete Kind = "undelete"
	// KindPurge removes for good what a tenant was.
	KindPurge Kind = "purge"
	// KindInvite sends the administrator another link to set a password by.
	KindInvite Kind = "invite"
	// KindRestore puts what a backup holds into the place of a tenant's data.
	KindRestore Kind = "restore"
)

// The undos, by the names that runs, their histories and the Web UI have for them.
const (
	UndoSchema    = "drop schema and role"
	UndoContract  = "terminate the contract"
	UndoRecord    = "mark the tenant FAILED"
	undoRevoke    = "give access back"
	undoSuspend   = "set the contract active again"
	undoResume    = "set the contract suspended again"
	undoRestore   = "drop the restored schema"
	leaveAsItWas  = "leave the tenant as it was"
	remainsRecord = "the operation, its log and the audit log"
	remainsLink   = "the operation, its log and the audit log; and a mail that has left by then: its link works until it ends, as the one before does"
	remainsLedger = "on the ledger: the transactions that changed the contract's status, and the fees that they cost"
)

// lifecycles is the table of kinds.
var lifecycles = []Lifecycle{provision(), suspend(), resume(), archive(), undelete(), purge(), invite(), restore()}

func provision() Lifecycle {
	return Lifecycle{
		Kind: KindProvision, Verb: "reprovision", Workflow: "ProvisionTenant",
		From: []Status{StatusFailed}, TakesName: true, Anew: true, Waiting: StatusPending, Running: StatusProvisioning,
		Reaches: StatusActive, Undone: StatusFailed,
		Accepted: StepCreateTenantRecord,
		Unaccept: Undo{
			Name: UndoRecord, Reversible: true,
			Does: func(Tenant) string {
				return "marks the tenant FAILED; its name is free again, and it can be provisioned anew"
			},
		},
		Remains: "the tenant's record (FAILED), the operation, its log and the audit log",
		Stages: []Stage{
			{
				Activity: "CreateSchema", Summary: "create schema, role, tables and first administrator",
				Covers: []Step{StepCreateSchema, StepRunMigrations, StepSeedRolesAndUser}, Needs: DependencyDatabase,
				Undo: &Undo{
					Activity: "DropSchema", Name: UndoSchema, Reversible: true,
					Does: func(t Tenant) string {
						if t.Imported != nil {
							return "takes off what the import has added to the schema " + t.Schema + ", which stays with all its data, and drops the role " + t.Role
						}
						return "drops the schema " + t.Schema + " with all its tables, and the role " + t.Role
					},
				},
			},
			{
				Activity: "DeployContract", Summary: "deploy the contract and store its address",
				Covers: []Step{StepDeployContract, StepStoreContract}, Needs: DependencyLedger,
				Undo: &Undo{
					Activity: "TerminateContract", Name: UndoContract,
					Does: func(t Tenant) string {
						contract := "the contract, if one was made by then"
						if t.ContractID != "" {
							contract = "the contract " + t.ContractID
						}
						return "finds out what became of every transaction that was sent, and sets " + contract + " to terminated, for good"
					},
					Remains: "on the ledger: the contract, terminated, its transactions and the fees that they cost; a ledger cannot be undone",
				},
			},
			{
				Activity: "MarkActive", Summary: "mark the tenant active",
				Covers: []Step{StepMarkActive}, Needs: DependencyDatabase, Pivot: true,
			},
			{
				Activity: "SendWelcomeEmail", Summary: "send the welcome mail and end the operation",
				Covers: []Step{StepSendWelcomeEmail}, Needs: DependencyMail, Optional: true,
			},
		},
	}
}

func suspend() Lifecycle {
	return Lifecycle{
		Kind: KindSuspend, Verb: "suspend", Workflow: "SuspendTenant",
		From: []Status{StatusActive}, Reaches: StatusSuspended, FailsClosed: true,
		Unaccept: unchanged(), Remains: remainsRecord,
		Stages: []Stage{
			revokeAccess(), suspendContract(),
			{Activity: "MarkSuspended", Summary: "mark the tenant suspended", Covers: []Step{StepMarkSuspended}, Needs: DependencyDatabase, Pivot: true},
			mailStage("SendSuspendedEmail", "tell the administrator that access is suspended", StepSendSuspendedEmail),
		},
	}
}

func resume() Lifecycle {
	return Lifecycle{
		Kind: KindResume, Verb: "resume", Workflow: "ResumeTenant",
		From: []Status{StatusSuspended}, Reaches: StatusActive,
		Unaccept: unchanged(), Remains: remainsRecord,
		Stages: []Stage{
			resumeContract(), markActive(nil),
			mailStage("SendResumedEmail", "tell the administrator that access is back", StepSendResumedEmail),
		},
	}
}

func archive() Lifecycle {
	return Lifecycle{
		Kind: KindArchive, Verb: "archive", Workflow: "ArchiveTenant",
		From: []Status{StatusActive, StatusSuspended}, Reaches: StatusArchived, FailsClosed: true,
		Unaccept: unchanged(), Remains: remainsRecord,
		Stages: []Stage{
			revokeAccess(), suspendContract(),
			{Activity: "MarkArchived", Summary: "mark the tenant archived", Covers: []Step{StepMarkArchived}, Needs: DependencyDatabase, Pivot: true},
			mailStage("SendArchivedEmail", "tell the administrator until when the archive can be taken back", StepSendArchivedEmail),
		},
	}
}

func undelete() Lifecycle {
	return Lifecycle{
		Kind: KindUndelete, Verb: "undelete", Workflow: "UndeleteTenant",
		From: []Status{StatusArchived}, TakesName: true, Renames: true,
		Unaccept: unchanged(), Remains: remainsRecord,
		Stages: []Stage{
			resumeContract(), markActive(leadsToActive),
			{
				Activity: "MarkSuspended", Summary: "mark the tenant suspended, as it was", Covers: []Step{StepMarkSuspended}, Needs: DependencyDatabase, Pivot: true,
				When: func(_, to Status) bool { return to == StatusSuspended },
			},
			mailStage("SendUndeletedEmail", "tell the administrator that the archive was taken back", StepSendUndeletedEmail),
		},
	}
}

func purge() Lifecycle {
	return Lifecycle{
		Kind: KindPurge, Verb: "purge", Workflow: "PurgeTenant",
		From: []Status{StatusArchived, StatusFailed}, Reaches: StatusDeleted, ClaimIsPivot: true,
		Unaccept: unchanged(), Remains: remainsRecord,
		Stages: []Stage{
			{
				Activity: "EndContracts", Summary: "set every contract of the tenant terminated, for good",
				Covers: []Step{StepTerminateContract}, Needs: DependencyLedger, Skippable: true,
			},
			{Activity: "RemoveSchema", Summary: "drop the schema and the role", Covers: []Step{StepDropSchema}, Needs: DependencyDatabase},
			{
				Activity: "SendDeletedEmail", Summary: "tell the administrator that the data is removed",
				Covers: []Step{StepSendDeletedEmail}, Needs: DependencyMail, Optional: true,
				When: func(from, _ Status) bool { return from == StatusArchived },
			},
			{Activity: "EraseAdministrator", Summary: "erase the administrator's name and address", Covers: []Step{StepEraseAdministrator}, Needs: DependencyDatabase},
			{Activity: "MarkDeleted", Summary: "mark the tenant deleted, with a certificate", Covers: []Step{StepMarkDeleted}, Needs: DependencyDatabase},
		},
	}
}

// invite has the link in somebody's mailbox for its pivot: nothing takes it back.
// Whoever signs in now is told before that, so that no failure, and nobody who rolls
// it back, sends the link and leaves them in the dark.
func invite() Lifecycle {
	return Lifecycle{
		Kind: KindInvite, Verb: "invite", Workflow: "InviteAdministrator",
		From: []Status{StatusActive}, Reaches: StatusActive, Yields: true,
		Unaccept: unchanged(), Remains: remainsLink,
		Stages: []Stage{
			{
				Activity: "SendInvitedElsewhereEmail", Summary: "tell who signs in now, if another address is invited",
				Covers: []Step{StepSendInvitedElsewhereEmail}, Needs: DependencyMail, Skippable: true,
			},
			{
				Activity: "SendWelcomeEmail", Summary: "send the invitation, end earlier links and the operation",
				Covers: []Step{StepSendWelcomeEmail}, Needs: DependencyMail, Pivot: true,
			},
		},
	}
}

// restore fills and verifies a schema beside the tenant's before anything of the tenant
// changes. Access is off while the two change places, and comes back with that.
func restore() Lifecycle {
	return Lifecycle{
		Kind: KindRestore, Verb: "restore", Workflow: "RestoreTenant",
		From: []Status{StatusActive, StatusSuspended}, Keeps: true, TakesBackup: true,
		Unaccept: unchanged(), Remains: remainsRecord,
		Stages: []Stage{
			{
				Activity: "RestoreData", Summary: "fill a schema beside the tenant's from the backup, and verify it",
				Covers: []Step{StepRestoreData}, Needs: DependencyDatabase,
				Undo: &Undo{
					Activity: "DropRestored", Name: undoRestore, Reversible: true,
					Does: func(Tenant) string {
						return "drops the schema that was filled from the backup; the tenant's own was not touched"
					},
				},
			},
			revokeAccess(),
			{
				Activity: "SwapSchemas", Summary: "put it into the place of the tenant's schema, and give access back",
				Covers: []Step{StepSwapSchemas}, Needs: DependencyDatabase, Pivot: true,
			},
		},
	}
}

func unchanged() Undo {
	return Undo{
		Name: leaveAsItWas, Reversible: true,
		Does: func(t Tenant) string { return "leaves the tenant " + string(t.Status) + ", with the data that it has" },
	}
}

func leadsFromActive(from, _ Status) bool { return from == StatusActive }
func leadsToActive(_, to Status) bool     { return to == StatusActive }

func revokeAccess() Stage {
	return Stage{
		Activity: "RevokeAccess", Summary: "end the access to the tenant's data", Covers: []Step{StepRevokeAccess}, Needs: DependencyDatabase, When: leadsFromActive,
		Undo: &Undo{
			Activity: "RestoreAccess", Name: undoRevoke, Reversible: true,
			Does: func(t Tenant) string {
				return "gives the role " + t.Role + " the use of the schema " + t.Schema + " again"
			},
		},
	}
}

func suspendContract() Stage {
	return Stage{
		Activity: "SuspendContract", Summary: "set the contract suspended", Covers: []Step{StepSuspendContract}, Needs: DependencyLedger, When: leadsFromActive, Skippable: true,
		Undo: &Undo{
			Activity: "UnsuspendContract", Name: undoSuspend,
			Does: func(t Tenant) string {
				return "sets the contract " + t.ContractID + " active again, if it is suspended"
			},
			Remains: remainsLedger,
		},
	}
}

func resumeContract() Stage {
	return Stage{
		Activity: "ResumeContract", Summary: "set the contract active", Covers: []Step{StepResumeContract}, Needs: DependencyLedger, When: leadsToActive, Skippable: true,
		Undo: &Undo{
			Activity: "UnresumeContract", Name: undoResume,
			Does: func(t Tenant) string {
				return "sets the contract " + t.ContractID + " suspended again, if it is active"
			},
			Remains: remainsLedger,
		},
	}
}

// markActive gives access back with the status, in one commit.
func markActive(when func(from, to Status) bool) Stage {
	return Stage{
		Activity: "MarkActive", Summary: "mark the tenant active and give access back", Covers: []Step{StepMarkActive}, Needs: DependencyDatabase, Pivot: true, When: when,
	}
}

func mailStage(activity, summary string, step Step) Stage {
	return Stage{Activity: activity, Summary: summary, Covers: []Step{step}, Needs: DependencyMail, Optional: true}
}
