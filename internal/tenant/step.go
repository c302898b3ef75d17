package tenant

// Step is one part of an operation, by the name that operators know from the
// logs.
type Step string

// The steps, by kind, in order.
const (
	StepCreateTenantRecord Step = "CREATE_TENANT_RECORD"
	StepCreateSchema       Step = "CREATE_SCHEMA"
	StepRunMigrations      Step = "RUN_MIGRATIONS"
	StepSeedRolesAndUser   Step = "SEED_ROLES_AND_USER"
	StepDeployContract     Step = "DEPLOY_SOROBAN_CONTRACT"
	StepStoreContract      Step = "STORE_CONTRACT_ADDRESS"
	StepMarkActive         Step = "MARK_ACTIVE"
	StepSendWelcomeEmail   Step = "SEND_WELCOME_EMAIL"

	StepRevokeAccess       Step = "REVOKE_ACCESS"
	StepSuspendContract    Step = "SUSPEND_CONTRACT"
	StepMarkSuspended      Step = "MARK_SUSPENDED"
	StepSendSuspendedEmail Step = "SEND_SUSPENDED_EMAIL"

	StepResumeContract   Step = "RESUME_CONTRACT"
	StepSendResumedEmail Step = "SEND_RESUMED_EMAIL"

	StepMarkArchived      Step = "MARK_ARCHIVED"
	StepSendArchivedEmail Step = "SEND_ARCHIVED_EMAIL"

	StepSendUndeletedEmail Step = "SEND_UNDELETED_EMAIL"

	StepTerminateContract  Step = "TERMINATE_CONTRACT"
	StepDropSchema         Step = "DROP_SCHEMA"
	StepSendDeletedEmail   Step = "SEND_DELETED_EMAIL"
	StepEraseAdministrator Step = "ERASE_ADMINISTRATOR"
	StepMarkDeleted        Step = "MARK_DELETED"

	StepSendInvitedElsewhereEmail Step = "SEND_INVITED_ELSEWHERE_EMAIL"

	StepRestoreData Step = "RESTORE_DATA"
	StepSwapSchemas Step = "SWAP_SCHEMAS"
)

// StepStatus is the outcome of one attempt at a step, as the log keeps it.
type StepStatus string

const (
	// StepInProgress is an attempt at a step that leaves the database, under
	// way or lost with its worker.
	StepInProgress StepStatus = "IN_PROGRESS"
	// StepCompleted commits together with the step's effect.
	StepCompleted StepStatus = "COMPLETED"
	// StepFailed is an attempt that ended in an error.
	StepFailed StepStatus = "FAILED"
	// StepRolledBack is a step whose effect was undone.
	StepRolledBack StepStatus = "ROLLED_BACK"
	// StepSkipped is a step that a person, a deadline or a cancel gave up, or that had
	// nobody to send its mail to.
	StepSkipped StepStatus = "SKIPPED"
)

// StepStatuses lists every outcome.
func StepStatuses() []StepStatus {
	return []StepStatus{StepInProgress, StepCompleted, StepFailed, StepRolledBack, StepSkipped}
}
