package tenantcontract

import (
	"crypto/sha256"
	_ "embed"
)

// Wasm is the compiled contract, as it is uploaded.
//
//go:embed tenant.wasm
var Wasm []byte

// Checksum is the line that sha256sum prints for Wasm.
//
//go:embed tenant.wasm.sha256
var Checksum string

// Hash identifies Wasm on the ledger.
func Hash() [32]byte { return sha256.Sum256(Wasm) }

// Version is what Wasm answers to GetVersion.
const Version = 3

// Functions of the contract. Those that change something need the
// administrator's authorisation, and fail with Error(Auth, InvalidAction)
// without it.
const (
	// Constructor (admin Address, commitment BytesN<32>) runs in the transaction
	// that creates the contract, and only there.
	Constructor = "__constructor"
	// GetVersion () -> u32, from version 3 of the code on.
	GetVersion = "version"
	// SetStatus (status u32) may be repeated: the current status again is no change.
	SetStatus = "set_status"
	// GetStatus () -> u32, a Status.
	GetStatus = "status"
	// GetCommitment () -> BytesN<32>.
	GetCommitment = "commitment"
	// GetAdmin () -> Address.
	GetAdmin = "admin"
	// AnchorRoot (root BytesN<32>, from u64, to u64) records the root of the audit
	// records from..to, which must follow the last ones without a gap.
	AnchorRoot = "anchor"
	// LastAnchor () -> Option<{from u64, root BytesN<32>, to u64}>.
	LastAnchor = "last_anchor"
	// ProposeAdmin (admin Address) is the first half of handing over. A proposal
	// holds for a week; before version 3 of the code, for ever.
	ProposeAdmin = "propose_admin"
	// WithdrawAdmin () takes the proposal back, from version 3 on.
	WithdrawAdmin = "withdraw_admin"
	// ProposedAdmin () -> Option<{admin Address, until u64}>, from version 3 on:
	// who can accept, and until when, in seconds since 1970.
	ProposedAdmin = "proposed_admin"
	// AcceptAdmin () is the second half, authorised by the one who was proposed.
	AcceptAdmin = "accept_admin"
	// Upgrade (wasm_hash BytesN<32>) replaces the code; refused once terminated.
	Upgrade = "upgrade"
)

// Status of a tenant on the ledger.
type Status uint32

const (
	// Active is the status after the deployment.
	Active Status = 1
	// Suspended means that access is blocked, and can be given back.
	Suspended Status = 2
	// Terminated is final.
	Terminated Status = 3
)

func (s Status) String() string {
	switch s {
	case Active:
		return "active"
	case Suspended:
		return "suspended"
	case Terminated:
		return "terminated"
	default:
		return "unknown"
	}
}

// Error is the n of the Error(Contract, #n) that the host reports when the
// contract itself refuses.
type Error uint32

const (
	// ErrTerminated refuses a change of what is final.
	ErrTerminated Error = 1
	// ErrNotMonotonic refuses an anchor that leaves a gap, overlaps or is empty.
	ErrNotMonotonic Error = 2
	// ErrNoProposal refuses to accept what nobody has proposed, or not any more.
	ErrNoProposal Error = 3
)

func (e Error) Error() string {
	switch e {
	case ErrTerminated:
		return "the tenant is terminated, which is final"
	case ErrNotMonotonic:
		return "the anchor does not follow the last one"
	case ErrNoProposal:
		return "no administrator was proposed"
	default:
		return "unknown error of the tenant contract"
	}
}

// Names of the events, the first topic of each; the second is the commitment.
const (
	EventCreated        = "created"
	EventStatusChanged  = "status_changed"
	EventAnchored       = "anchored"
	EventAdminProposed  = "admin_proposed"
	EventAdminWithdrawn = "admin_withdrawn"
	EventAdminChanged   = "admin_changed"
	EventUpgraded       = "upgraded"
)
