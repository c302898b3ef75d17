package tenant

import "time"

// EntryLife is how long something of ours stays on the ledger unasked.
type EntryLife struct {
	// Entry is a contract's address, or the hash of the contract's code.
	Entry string
	// Absent is not there at all, Archived only to be restored for a price.
	Absent, Archived bool
	// Until is the last ledger in which it lives, and Left the time until then at the pace
	// of the newest ledgers; both zero unless it lives.
	Until uint32
	Left  time.Duration
}
