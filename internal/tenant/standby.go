package tenant

import "slices"

// StandbyOrigin is what a standby's contract was made with.
type StandbyOrigin struct {
	// Network is the network's passphrase.
	Network string
	ContractOrigin
}

// StandbyPolicy is what a worker wants of the stock of standbys.
type StandbyPolicy struct {
	// Wanted is how many are to be ready; 0 keeps none, and purges those that are there.
	Wanted int
	// PerMinute is how many are begun within a minute at most.
	PerMinute int
	// Template is the version of the template, and Made what contracts are made with: a
	// standby of another one is not handed out.
	Template int64
	Made     StandbyOrigin
}

// StandbyFault is why a standby is not handed out.
type StandbyFault string

const (
	// StandbyRecord is one that is not in the stock: it was about to be purged, or came
	// from a backup.
	StandbyRecord StandbyFault = "record"
	// StandbySchema is one whose schema is not there.
	StandbySchema StandbyFault = "schema"
	// StandbyContract is one whose contract has another code, administrator or network than
	// new ones have.
	StandbyContract StandbyFault = "contract"
	// StandbyRent is one whose contract is archived, or will be within 14 days.
	StandbyRent StandbyFault = "rent"
	// StandbyFinding is one of which the reconciler has found something wrong, which waits
	// for a person.
	StandbyFinding StandbyFault = "finding"
	// StandbyTemplate is one whose schema is of another version than new ones are. A
	// migration of the tenants mends it.
	StandbyTemplate StandbyFault = "template"
)

// StandbyFaults lists every fault.
func StandbyFaults() []StandbyFault {
	return []StandbyFault{StandbyRecord, StandbySchema, StandbyContract, StandbyRent, StandbyFinding, StandbyTemplate}
}

// StandbyStock is how the stock of standbys stands.
type StandbyStock struct {
	// Wanted and Template are what the workers want.
	Wanted   int
	Template int64
	// Ready are those that a request may take, and Unfit those that are not handed out,
	// both the oldest first.
	Ready []ID
	Unfit map[StandbyFault][]ID
	// Preparing counts those that are being made, and Parked those of them that wait for
	// a person.
	Preparing, Parked int
	// Requests tells that operations wait which somebody waits for, Held that nothing is
	// begun (an incident, a read-only window, no room, an installation that is not live),
	// and Migrating that the tenants are being migrated.
	Requests, Held, Migrating bool
}

// Missing is how many are to be begun, if at most `most` may be. An old template is
// brought up to date by a migration, for which migrates says to wait, and a finding
// repaired by a person; until then their standbys count, since each costs a contract.
func (s StandbyStock) Missing(most int, migrates bool) int {
	if s.Requests || s.Held {
		return 0
	}
	there := len(s.Ready) + s.Preparing + len(s.Unfit[StandbyFinding])
	if migrates || s.Migrating {
		there += len(s.Unfit[StandbyTemplate])
	}
	return max(0, min(most, s.Wanted-there))
}

// Purgeable lists the standbys to be purged: all where none is wanted, else those that
// are not handed out and that neither a migration nor a person mends: what the reconciler
// finds may be the ledger's or the database's fault, and of all of them.
func (s StandbyStock) Purgeable(migrates bool) []ID {
	if s.Held {
		return nil
	}
	var ids []ID
	if s.Wanted == 0 {
		ids = slices.Clone(s.Ready)
	}
	for _, f := range StandbyFaults() {
		mended := f == StandbyFinding || f == StandbyTemplate && (migrates || s.Migrating)
		if !mended || s.Wanted == 0 {
			ids = append(ids, s.Unfit[f]...)
		}
	}
	return ids
}
