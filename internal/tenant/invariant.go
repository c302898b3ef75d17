package tenant

import "slices"

// Repairer is who can repair a finding.
type Repairer string

const (
	// ByReconciler is repaired without being asked, where it can lose nothing:
	// each finding says whether that is so. Otherwise it is on request.
	ByReconciler Repairer = "reconciler"
	// OnRequest is repaired by starter reconcile --repair.
	OnRequest Repairer = "request"
	// ByHand is for a person: what is missing is elsewhere, or only a person knows
	// what is meant.
	ByHand Repairer = "hand"
)

// Invariant is something that must hold between rows, catalog, ledger, mails and
// runs. Where it does not, the reconciler makes a finding of its kind.
type Invariant struct {
	Kind FindingKind
	// Holds is what must be true, in plain words.
	Holds string
	// Repair says what a repair does, or what a person can do.
	Repair string
	By     Repairer
}

// Invariants lists all that the reconciler compares, each once. Those of one
// subject that presuppose others come after them, and are silent where these
// are broken: a schema that is not there lacks no table.
func Invariants() []Invariant {
	return slices.Concat(runInvariants, rowInvariants, schemaInvariants, accessInvariants, contractInvariants, mailInvariants)
}

// invariantOf is that of a kind, if there is one.
func invariantOf(k FindingKind) (Invariant, bool) {
	all := Invariants()
	i := slices.IndexFunc(all, func(i Invariant) bool { return i.Kind == k })
	if i < 0 {
		return Invariant{}, false
	}
	return all[i], true
}

// Repairable reports whether a repair on request exists. Of the others, Repair
// says what a person does.
func (k FindingKind) Repairable() bool {
	i, known := invariantOf(k)
	return known && i.By != ByHand
}

// Repair says what a repair of this kind does, or what a person can do.
func (k FindingKind) Repair() string {
	i, _ := invariantOf(k)
	return i.Repair
}

var runInvariants = []Invariant{
	{FindingRunClosed, "an open operation has a run that is open", "starts another run of the operation", ByReconciler},
	{FindingNeverStarted, "an accepted operation is taken by a run", "starts its run at once, past the dispatcher's queue", OnRequest},
	{FindingLostAttempt, "a closed operation has no attempt under way", "marks the attempt as failed", ByReconciler},
	{FindingTwoOpenOperations, "a tenant has at most one open operation",
		"look which of the two has a run (starter status OPERATION) and roll the other back; then make the index operations_one_open anew, which the restore has left out", ByHand},
}

var rowInvariants = []Invariant{
	{FindingStatusDiffers, "a tenant's status is what its latest operation has made of it",
		"gives the tenant the status of its latest operation, if that is closed and nothing that the status promises is missing", OnRequest},
	{FindingGenerationDiffers, "a tenant is in the generation of its latest operation",
		"compare the tenant's rows with a backup, and put back the one that was changed: contract, schema and mail are found by the generation", ByHand},
	{FindingActiveWithoutDate, "a tenant in use has the date of its activation, which keeps its data from being dropped",
		"writes the date from the log of its activation, or today's", OnRequest},
	{FindingNameDiffers, "a tenant's role, and its schema unless that was imported, are called after its id",
		"put back schema_name and role_name of the tenant's row: t_<slug>_<last 8 digits of the id>, both the same unless the schema was imported", ByHand},
	{FindingLogIncomplete, "an operation that has succeeded has done or skipped each of its steps",
		"restore its rows of provisioning_logs from a backup; other tables of the same restore may lack rows as well", ByHand},
	{FindingKeyOfAnotherClient, "an idempotency key belongs to the client of its operation",
		"delete the row of idempotency_keys: its client would be answered with somebody else's tenant", ByHand},
}

var schemaInvariants = []Invariant{
	{FindingSchemaWithoutTenant, "a schema that is called like a tenant's has a tenant",
		"look at what is in it; when nobody needs it: DROP SCHEMA by hand", ByHand},
	{FindingActiveWithoutSchema, "a tenant in use has its schema",
		"starter restore brings it back from a backup; or suspend the tenant", ByHand},
	{FindingFailedWithSchema, "a tenant that was rolled back or purged has no schema",
		"drops the schema and the role of the tenant, which was never active or is DELETED", OnRequest},
	{FindingSchemaWithoutOwner, "the schema of a tenant in use is its own, in its generation",
		"restore its row of tenant_schema_versions from a backup: schema, tenant, generation and the version of the template that it was made from", ByHand},
	{FindingSchemaIncomplete, "the schema of a tenant in use has all that the template of its version makes",
		"restore what is missing from a backup; migrations/tenant says how it was made", ByHand},
	{FindingSeedMissing, "the schema of a tenant in use has the seed roles, an administrator, and whoever is invited",
		"restore the rows from a backup; without an administrator nobody can manage the tenant's users", ByHand},
	{FindingRestoreSchema, "a schema of a restore is there for as long as it is needed",
		"drops the schema: what a restore has replaced after a day (never while the tenant is under legal hold), what it was filling when it ended", ByReconciler},
	{FindingDrillFailed, "the last backup that was restored for practice held",
		"docs/runbooks/drill-failed.md; it is gone when the tenant's next drill holds", ByHand},
	{FindingSchemaOwnedByAnother, "a schema in use, and what is in it, belongs to the control plane's role and never to a tenant's",
		"ALTER SCHEMA, or ALTER TABLE, … OWNER TO the owner of the table tenants: an owner may do everything, whatever is granted", ByHand},
}

var accessInvariants = []Invariant{
	{FindingRoleWithoutTenant, "a role with this installation's mark has a tenant",
		"drops the role, unless anything in any database of the server depends on it", OnRequest},
	{FindingActiveWithoutRole, "a tenant in use has its role, with its mark",
		"restore the role with its mark and its grants from a backup (pg_dumpall --roles-only)", ByHand},
	{FindingFailedWithRole, "a tenant that was rolled back or purged has no role",
		"drops the role, unless anything in any database of the server depends on it", ByReconciler},
	{FindingRoleNotGranted, "the application's login can take the role of each active tenant",
		"grants the role to the tenant's application login as provisioning did, and makes the login, without a password, if it is missing", OnRequest},
	{FindingGrantsMissing, "a tenant's role has the privileges that the template gives it",
		"grants what is missing, as provisioning did", OnRequest},
	{FindingAccessTooWide, "nobody else can reach into a tenant's schema, and its role can do no more there than the template says",
		"REVOKE it, unless somebody needs it and may have it: then dismiss the finding", ByHand},
	{FindingRoleTooPowerful, "a tenant's role cannot log in, has no attribute of power and is a member of nothing",
		"ALTER ROLE … NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS, and REVOKE the memberships", ByHand},
	{FindingRoleOfOthers, "nobody but the application's login can take a tenant's role, or pass it on",
		"REVOKE the role from whoever is named (ADMIN OPTION FOR … where the login can pass it on)", ByHand},
	{FindingAccessNotEnded, "the role of a suspended or archived tenant cannot use its schema",
		"takes USAGE on the schema from the tenant's role, as suspending did; if the access is meant, resume or undelete the tenant instead", OnRequest},
	{FindingAccessInUse, "nobody is at work in the schema of a suspended or archived tenant",
		"end the session that the finding names, as a superuser: SELECT pg_terminate_backend(PID)", ByHand},
	{FindingLoginUnsafe, "an application's login carries this installation's mark, can log in, inherits nothing and has no attribute of power",
		"ALTER ROLE … LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS; one that inherits reads every tenant without saying which", ByHand},
	{FindingLoginCrowded, "an application's login has no more tenants than PostgreSQL bears",
		"give some of its tenants another login: UPDATE tenants SET app_login, GRANT and REVOKE; each change of any role makes PostgreSQL recompute all memberships of a login", ByHand},
}

var contractInvariants = []Invariant{
	{FindingContractUnknown, "the row of a tenant in use names its contract",
		"writes the contract that the journal says was made for the tenant", ByReconciler},
	{FindingContractDiffers, "the row of a tenant in use names the contract that the journal says was made for it",
		"writes the contract that the journal says was made for the tenant", OnRequest},
	{FindingContractNotJournalled, "the journal knows how the contract of a tenant in use was made",
		"restore the tenant's rows of stellar_transactions from a backup: without them nothing ends the contract when the tenant ends", ByHand},
	{FindingActiveWithoutContract, "the contract of a tenant in use is on the ledger and not ended",
		"check that SOROBAN_RPC_URL and SOROBAN_NETWORK name the network that the contract was deployed on; what the ledger has lost nobody can bring back", ByHand},
	{FindingContractStatusDiffers, "the contract of a tenant in use says on the ledger what the tenant's status is",
		"sets the contract's status by a transaction, as suspending and resuming do", OnRequest},
	{FindingFailedWithContract, "the contract of a tenant that was rolled back or purged is ended",
		"ends the contract on the ledger, which is final", OnRequest},
	{FindingTransactionUnsettled, "the fate of each transaction of a closed operation is known",
		"look for the hash on the ledger, and write its state, result_code and settled_at in stellar_transactions; its account is used for nothing else before", ByHand},
}

var mailInvariants = []Invariant{
	{FindingMailInDoubt, "nobody is sending the mail of a closed operation", "marks the mail as UNKNOWN; nothing is sent", ByReconciler},
	{FindingMailMissing, "a mail that was sent has its row",
		"restore its row of emails from a backup; the log says when it was sent, and the provider under which id", ByHand},
	{FindingMailUntraceable, "the row of a mail that was sent says by whom, when and under which id",
		"look for the mail at the provider, and write provider, provider_id and sent_at", ByHand},
	{FindingInvitationMissing, "the link in a mail that was sent works, or was used",
		"starter invite sends an ACTIVE tenant another link; or restore the tenant's row of invitations from a backup", ByHand},
}
