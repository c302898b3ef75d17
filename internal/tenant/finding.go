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
	// FindingFailedWithSchema is a rolled-back tenant whose schema is there.
	FindingFailedWithSchema FindingKind = "failed-with-schema"
	// FindingFailedWithRole is a rolled-back tenant whose role is there, and
	// no schema.
	FindingFailedWithRole FindingKind = "failed-with-role"
	// FindingFailedWithContract is a rolled-back tenant whose contract is not
	// ended.
	FindingFailedWithContract FindingKind = "failed-with-contract"
	// FindingLostAttempt is a log row IN_PROGRESS of a closed operation.
	FindingLostAttempt FindingKind = "lost-attempt"
	// FindingMailInDoubt is a mail that is SENDING, of a closed operation.
	FindingMailInDoubt FindingKind = "mail-in-doubt"
	// FindingUndoSkipped is an undo that an administrator has skipped and that
	// did not say what it left behind.
	FindingUndoSkipped FindingKind = "undo-skipped"
)

// Repairable reports whether a repair on request exists. Of the others, Repair
// says what a person does.
func (k FindingKind) Repairable() bool {
	switch k {
	case FindingRunClosed, FindingNeverStarted, FindingRoleWithoutTenant, FindingFailedWithSchema,
		FindingFailedWithRole, FindingFailedWithContract, FindingLostAttempt, FindingMailInDoubt:
		return true
	case FindingSchemaWithoutTenant, FindingActiveWithoutSchema, FindingActiveWithoutRole,
		FindingActiveWithoutContract, FindingUndoSkipped:
		return false
	}
	return false
}

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

// ContractCheck is a contract that the ledger is to be asked about.
type ContractCheck struct {
	Contract  string
	Tenant    ID
	Operation OperationID
	// Alive is what the contract should be: true for a tenant in use, false
	// for one that was rolled back.
	Alive bool
}
