package submit

import (
	"context"
	"errors"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Purpose is what a transaction is for.
type Purpose string

const (
	// PurposeDeploy makes a tenant's contract.
	PurposeDeploy Purpose = "DEPLOY_CONTRACT"
	// PurposeSetStatus changes a contract's status, for instance to terminated.
	PurposeSetStatus Purpose = "SET_STATUS"
	// PurposeUpload brings the contract's code onto the ledger, once for all
	// tenants.
	PurposeUpload Purpose = "UPLOAD_CODE"
	// PurposeRestore brings archived entries back: code, and living tenants' contracts.
	PurposeRestore Purpose = "RESTORE_ENTRIES"
	// PurposeExtend lets them live on.
	PurposeExtend Purpose = "EXTEND_ENTRIES"
	// PurposeUpgrade has a contract run the present code.
	PurposeUpgrade Purpose = "UPGRADE_CONTRACT"
	// PurposePropose names the administrator that a contract is handed over to.
	PurposePropose Purpose = "PROPOSE_ADMIN"
	// PurposeAccept is that one's consent, and ends the handing over.
	PurposeAccept Purpose = "ACCEPT_ADMIN"
	// PurposeChannels creates and funds channel accounts.
	PurposeChannels Purpose = "CREATE_CHANNELS"
)

// ofContract tells the purposes that change one contract, for no operation.
func (p Purpose) ofContract() bool {
	return p == PurposeUpgrade || p == PurposePropose || p == PurposeAccept
}

// keeps tells the purposes by which entries live, which have a budget of their own.
func (p Purpose) keeps() bool { return p == PurposeRestore || p == PurposeExtend }

// State is what is known of a transaction's fate.
type State string

const (
	// StatePrepared may have been sent.
	StatePrepared State = "PREPARED"
	// StateSent was taken by a server, and by no ledger that is known.
	StateSent State = "SENT"
	// StateApplied is in a ledger, with its effect.
	StateApplied State = "APPLIED"
	// StateFailed is in a ledger, without its effect.
	StateFailed State = "FAILED"
	// StateExpired is in no ledger and can get into none.
	StateExpired State = "EXPIRED"
	// StateRejected is invalid in every ledger, such as by its signatures.
	StateRejected State = "REJECTED"
)

// Open reports whether the transaction may still be applied.
func (s State) Open() bool { return s == StatePrepared || s == StateSent }

// Transaction is one line of the journal.
type Transaction struct {
	// Hash is that of the inner transaction, in hex; a higher bid leaves it the
	// same.
	Hash string
	// Fence is zero when the transaction serves all tenants.
	Fence   tenant.Fence
	Purpose Purpose
	// ContractID is the contract that is made or called; empty otherwise.
	ContractID string
	// TargetStatus is what PurposeSetStatus asks for; empty otherwise.
	TargetStatus tenant.ContractStatus
	State        State
	// ResultCode says why the transaction was not applied, in the network's
	// words; empty otherwise.
	ResultCode string
	Network    string
	Channel    string
	Sequence   int64
	// Envelope is what is sent: signed XDR in base64.
	Envelope string
	// AfterLedger is the newest ledger known before the transaction was first
	// sent.
	AfterLedger uint32
	// MaxTime is when a ledger must have closed to hold the transaction.
	MaxTime time.Time
	// Ledger holds the transaction or, when it expired, is the one by which
	// that was known; zero while it is open.
	Ledger uint32
}

// Outcome is what has become of a transaction.
type Outcome struct {
	State      State
	ResultCode string
	Ledger     uint32
	// FeeCharged is what was paid, in stroops.
	FeeCharged int64
	// SequenceUsed tells that the channel's next transaction needs the next
	// number.
	SequenceUsed bool
}

// Lease is an account that is ours for a while.
type Lease struct {
	Network string
	Address string
	// Sequence is that of the newest transaction known to be in a ledger; 0
	// when only the ledger knows.
	Sequence int64
	Token    string
	// Orphan is the hash of a transaction that an earlier holder left open. Its
	// fate must be found out before the account is used. Empty when there is
	// none.
	Orphan string
}

// Channel is what the journal knows of an account that lends its sequence numbers.
type Channel struct {
	Address string
	// Leased tells that somebody uses it.
	Leased bool
	// Open is the hash of the transaction that is under way on it; empty when there is
	// none.
	Open string
	// SetAside is when it was set aside, and Why the reason; zero when it is in use.
	SetAside time.Time
	Why      string
}

// Doubt is a transaction whose fate is not known yet.
type Doubt struct {
	Transaction
	// Note is what an attempt that left it open met last; empty where none has.
	Note string
	// Since is when it was journalled.
	Since time.Time
}

// The journal's refusals.
var (
	// ErrNoFreeChannel tells that every account is leased.
	ErrNoFreeChannel = errors.New("every channel account is in use")
	// ErrAllSetAside tells that every account is set aside.
	ErrAllSetAside = errors.New("every channel account is set aside")
	// ErrLeaseLost tells that the lease ran out before the transaction was
	// journalled.
	ErrLeaseLost = errors.New("the lease of the channel account ran out")
	// ErrInFlight tells that a transaction for the same purpose is journalled
	// already and was applied or still may be.
	ErrInFlight = errors.New("a transaction for the same purpose is under way")
)

// Journal keeps transactions and leases, durably and for all processes.
type Journal interface {
	// Transactions lists those of one generation of a tenant, oldest first.
	Transactions(ctx context.Context, id tenant.ID, generation int) ([]Transaction, error)
	// Find reads one transaction; tenant.ErrNotFound when there is none.
	Find(ctx context.Context, hash string) (Transaction, error)
	// OpenOn reads the open transaction of an account; tenant.ErrNotFound when
	// there is none.
	OpenOn(ctx context.Context, network, channel string) (Transaction, error)
	// Lease takes one of the accounts that are free, the longest unused first,
	// or returns ErrNoFreeChannel, or ErrAllSetAside. One that is set aside is never
	// free.
	Lease(ctx context.Context, network string, addresses []string, length time.Duration) (Lease, error)
	// Spent sums up what was paid: for the effect of an order, and within a day.
	Spent(ctx context.Context, network string, o Order) (Spending, error)
	// Channels lists the accounts of a network that were ever used, by address.
	Channels(ctx context.Context, network string) ([]Channel, error)
	// SetAside takes an account out of use, and says why. It does nothing to one that
	// is set aside already.
	SetAside(ctx context.Context, network, address, why string) error
	// Release gives back an account without a transaction. It does nothing when
	// the lease is not ours any more.
	Release(ctx context.Context, l Lease) error
	// Prepare writes a transaction before it is first sent, through its fence
	// (tenant.ErrSuperseded), and makes the lease last until it can no longer be
	// applied. ErrLeaseLost and ErrInFlight leave nothing behind.
	Prepare(ctx context.Context, l Lease, tx Transaction) error
	// Reprice replaces the envelope of an open transaction by one with another
	// fee, before that is sent.
	Reprice(ctx context.Context, hash, envelope string) error
	// MarkSent notes that a server took an open transaction.
	MarkSent(ctx context.Context, hash string) error
	// Note keeps in words what is known of an open transaction, for people.
	Note(ctx context.Context, hash, detail string) error
	// Settle writes what has become of an open transaction and frees its
	// account. What is settled stays as it is.
	Settle(ctx context.Context, hash string, o Outcome) error
}
