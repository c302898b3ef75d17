package tenant

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// FindingKind is a way in which things can fail to fit together.
type FindingKind string

const (
	// FindingRunClosed is an open operation whose run was terminated, or is
	// gone with its history.
	FindingRunClosed FindingKind = "run-closed"
	// FindingNeverStarted is an operation that has waited long for a run.
	FindingNeverStarted FindingKind = "never-started"
	// FindingSchemaWithoutTenant is a schema that is called like a tenant's
	// and belongs to none.
	FindingSchemaWithoutTenant FindingKind = "schema-without-tenant"
	// FindingRoleWithoutTenant is a role with this installation's mark whose
	// tenant is unknown.
	FindingRoleWithoutTenant FindingKind = "role-without-tenant"
	// FindingActiveWithoutSchema is a tenant in use without its schema, or
	// without the row that owns it.
	FindingActiveWithoutSchema FindingKind = "active-without-schema"
	// FindingActiveWithoutRole is a tenant in use without its role.
	FindingActiveWithoutRole FindingKind = "active-without-role"
	// FindingActiveWithoutContract is a tenant in use whose contract is ended
	// or not on the ledger.
	FindingActiveWithoutContract FindingKind = "active-without-contract"
	// FindingContractStatusDiffers is a tenant in use whose contract has another
	// status on the ledger than the tenant.
	FindingContractStatusDiffers FindingKind = "contract-status-differs"
	// FindingFailedWithSchema is a rolled-back or purged tenant whose schema is there.
	FindingFailedWithSchema FindingKind = "failed-with-schema"
	// FindingFailedWithRole is a rolled-back or purged tenant whose role is there,
	// and no schema.
	FindingFailedWithRole FindingKind = "failed-with-role"
	// FindingFailedWithContract is a rolled-back or purged tenant whose contract is
	// not ended.
	FindingFailedWithContract FindingKind = "failed-with-contract"
	// FindingLostAttempt is a log row IN_PROGRESS of a closed operation.
	FindingLostAttempt FindingKind = "lost-attempt"
	// FindingMailInDoubt is a mail that is SENDING, of a closed operation.
	FindingMailInDoubt FindingKind = "mail-in-doubt"
	// FindingUndoSkipped is an undo that an administrator has skipped, where no
	// other kind says what it left behind.
	FindingUndoSkipped FindingKind = "undo-skipped"

	// FindingTwoOpenOperations is a tenant on which two operations work.
	FindingTwoOpenOperations FindingKind = "two-open-operations"
	// FindingStatusDiffers is a tenant whose status is not what its latest
	// operation has made of it.
	FindingStatusDiffers FindingKind = "status-differs"
	// FindingGenerationDiffers is a tenant in another generation than its latest
	// operation.
	FindingGenerationDiffers FindingKind = "generation-differs"
	// FindingActiveWithoutDate is a tenant in use that nothing says was ever
	// active, which is what keeps its data from being dropped.
	FindingActiveWithoutDate FindingKind = "active-without-date"
	// FindingNameDiffers is a role, or a schema that was not imported, in a tenant's row
	// that is not called after the tenant's id.
	FindingNameDiffers FindingKind = "name-differs"
	// FindingLogIncomplete is an operation that has succeeded, and a step of it
	// that was neither done nor skipped.
	FindingLogIncomplete FindingKind = "log-incomplete"
	// FindingKeyOfAnotherClient is an idempotency key that answers with an
	// operation of another client.
	FindingKeyOfAnotherClient FindingKind = "key-of-another-client"

	// FindingSchemaWithoutOwner is a schema in use that no row of
	// tenant_schema_versions says is its tenant's, in its generation.
	FindingSchemaWithoutOwner FindingKind = "schema-without-owner"
	// FindingSchemaIncomplete is a schema in use that lacks something of the
	// template of its version.
	FindingSchemaIncomplete FindingKind = "schema-incomplete"
	// FindingSeedMissing is a schema in use without its seed roles, without any
	// administrator, or without the one who is invited.
	FindingSeedMissing FindingKind = "seed-missing"
	// FindingRestoreSchema is a schema of a restore that nobody needs any more.
	FindingRestoreSchema FindingKind = "restore-schema"
	// FindingDrillFailed is a tenant whose backup could not be restored for practice.
	FindingDrillFailed FindingKind = "drill-failed"
	// FindingSchemaOwnedByAnother is a schema in use that belongs to a role which
	// the control plane is not.
	FindingSchemaOwnedByAnother FindingKind = "schema-owned-by-another"

	// FindingRoleNotGranted is an active tenant whose role the application's
	// login cannot take.
	FindingRoleNotGranted FindingKind = "role-not-granted"
	// FindingGrantsMissing is a tenant's role that lacks privileges of the
	// template.
	FindingGrantsMissing FindingKind = "grants-missing"
	// FindingAccessTooWide is a schema in use that others can read, or whose role
	// can do more in it than the template says.
	FindingAccessTooWide FindingKind = "access-too-wide"
	// FindingRoleTooPowerful is a tenant's role with an attribute or a membership
	// that reaches beyond its schema.
	FindingRoleTooPowerful FindingKind = "role-too-powerful"
	// FindingRoleOfOthers is a tenant's role that another than the application's
	// login can take.
	FindingRoleOfOthers FindingKind = "role-of-others"
	// FindingAccessNotEnded is a suspended or archived tenant whose role can still
	// use its schema.
	FindingAccessNotEnded FindingKind = "access-not-ended"
	// FindingAccessInUse is a session that is still at work in the schema of a
	// tenant whose access has ended.
	FindingAccessInUse FindingKind = "access-in-use"
	// FindingLoginUnsafe is an application's login that reaches tenants without
	// saying which, can do more than log in, or cannot.
	FindingLoginUnsafe FindingKind = "login-unsafe"
	// FindingLoginCrowded is an application's login in more roles than PostgreSQL
	// bears.
	FindingLoginCrowded FindingKind = "login-crowded"

	// FindingContractUnknown is a tenant in use whose row names no contract.
	FindingContractUnknown FindingKind = "contract-unknown"
	// FindingContractDiffers is a tenant in use whose row names another contract
	// than the journal says was made for it.
	FindingContractDiffers FindingKind = "contract-differs"
	// FindingContractNotJournalled is a tenant in use of whose contract the
	// journal knows nothing.
	FindingContractNotJournalled FindingKind = "contract-not-journalled"
	// FindingTransactionUnsettled is a transaction whose fate nobody is asking
	// for.
	FindingTransactionUnsettled FindingKind = "transaction-unsettled"

	// FindingMailMissing is a mail that was sent, and whose row is not
	// there or says otherwise.
	FindingMailMissing FindingKind = "mail-missing"
	// FindingMailUntraceable is a mail that was sent, and whose row does not say
	// by whom, when or under which id.
	FindingMailUntraceable FindingKind = "mail-untraceable"
	// FindingInvitationMissing is a mail that was sent, and whose link is not
	// there.
	FindingInvitationMissing FindingKind = "invitation-missing"
)

// FindingState is what has become of a finding.
type FindingState string

const (
	// FindingOpen was true when it was last looked for.
	FindingOpen FindingState = "open"
	// FindingRepaired was repaired, by the reconciler or on request.
	FindingRepaired FindingState = "repaired"
	// FindingDismissed is true, and a person lives with it.
	FindingDismissed FindingState = "dismissed"
	// FindingGone was no longer true when it was looked for.
	FindingGone FindingState = "gone"
)

// ReconcilerActor is who repairs without being asked, in the audit log.
const ReconcilerActor = "reconciler"

// FindingID numbers findings. People write it F-000123.
type FindingID int64

func (id FindingID) String() string { return fmt.Sprintf("F-%06d", int64(id)) }

// MarshalText writes the id as people write it, in JSON too.
func (id FindingID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText has written.
func (id *FindingID) UnmarshalText(text []byte) error {
	parsed, err := ParseFindingID(string(text))
	*id = parsed
	return err
}

// ParseFindingID reads F-000123, in any case and with any number of zeros.
func ParseFindingID(s string) (FindingID, error) {
	digits, ok := strings.CutPrefix(strings.ToUpper(strings.TrimSpace(s)), "F-")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no finding's id, which looks like F-000123", s)
	}
	return FindingID(n), nil
}

// Finding is one thing that does not fit together. Nothing in it is personal
// or secret.
type Finding struct {
	ID   FindingID   `json:"id"`
	Kind FindingKind `json:"kind"`
	// Subject is what it is about: the name of a schema or role, an
	// operation's id, a contract's address. With the kind it makes a finding
	// the same as one found before.
	Subject   string      `json:"subject"`
	Tenant    ID          `json:"tenant,omitempty"`
	Operation OperationID `json:"operation,omitempty"`
	// Detail says in plain words what was found, Repair what a repair does or
	// what a person can do.
	Detail string `json:"detail"`
	Repair string `json:"repair"`
	// Safe tells that the reconciler repairs it by itself.
	Safe       bool         `json:"safe"`
	State      FindingState `json:"state"`
	FirstSeen  time.Time    `json:"firstSeen"`
	LastSeen   time.Time    `json:"lastSeen"`
	ResolvedAt time.Time    `json:"resolvedAt,omitzero"`
	ResolvedBy string       `json:"resolvedBy,omitempty"`
}

// Sweep is what one look for findings of some kinds has brought.
type Sweep struct {
	// Began is when the look began, by the database's clock: what was found
	// later by another one is left alone.
	Began time.Time
	// Kinds are those of which everything was looked for. An open finding of
	// one of them that was not found again is gone.
	Kinds []FindingKind
	// Subjects limits what can be gone to those that were looked at; nil means
	// all.
	Subjects []string
	Found    []Finding
}

// Reconciliation is what a look at everything has come to.
type Reconciliation struct {
	// Open is what is left.
	Open []Finding
	// Repaired is what the reconciler has repaired by itself since it began.
	Repaired []Finding
	// Incomplete names what could not be looked at, with the reason.
	Incomplete []string
}

// ContractCheck is a contract that the ledger is to be asked about.
type ContractCheck struct {
	Contract  string
	Tenant    ID
	Operation OperationID
	// Status is the tenant's.
	Status Status
}
