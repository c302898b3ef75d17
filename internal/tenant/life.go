package tenant

import "time"

// EntryLife is how long something of ours stays on the ledger unasked.
type EntryLife struct {
	// Entry is a contract's address, or the hash of the contract's code.
	Entry string
	// Tenant is whose contract it is; empty for code.
	Tenant ID
	// Absent is not there at all, Archived only to be restored for a price.
	Absent, Archived bool
	// Until is the last ledger in which it lives, and Left the time until then at the pace
	// of the newest ledgers; both zero unless it lives.
	Until uint32
	Left  time.Duration
}

// Lives is how long what we have on the ledger lives, as it was seen last.
type Lives struct {
	// SeenAt is when the longest ago of it was looked at; zero when nothing was.
	SeenAt time.Time
	// Code and Contract are what the shortest of each has left; negative once that time is
	// over, and nil where none lives.
	Code, Contract *time.Duration
	// Contracts counts those that are kept, and Lost the contracts and codes that do not
	// live: that are archived, or not on the ledger at all.
	Contracts, Lost int
}

// Keeping is what a round of the keeper saw and did.
type Keeping struct {
	// Lives are those at its end, of the code first.
	Lives []EntryLife
	// Restored and Extended count the entries.
	Restored, Extended int
}

// ContractOrigin is what a contract is made with.
type ContractOrigin struct {
	// Admin is the address (G…) of its administrator.
	Admin string
	// Code is the hash of its code, in hex.
	Code string
}
