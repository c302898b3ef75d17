package tenant

import (
	"fmt"
	"time"
)

// TroubleKind is what kind of trouble a Trouble is. Its text is the kind of the notice
// that NOTIFY_WEBHOOK gets.
type TroubleKind string

const (
	// TroubleOverrun is a maintenance window that has not come to its end at the announced
	// time. Its subject is the window's id.
	TroubleOverrun TroubleKind = "window_overrun"
	// TroubleFleet is a run on all tenants that no person has stopped and that goes no
	// further: more have failed than its budget allows, or it has left some behind. Its
	// subject is the FleetKind.
	TroubleFleet TroubleKind = "fleet_stopped"
	// TroubleCapacity is a shortage for which provisioning waits. Its subject is the
	// Resource.
	TroubleCapacity TroubleKind = "capacity_short"
)

// TroubleKinds lists every kind.
func TroubleKinds() []TroubleKind {
	return []TroubleKind{TroubleOverrun, TroubleFleet, TroubleCapacity}
}

// Trouble is what people are told of when it begins and once more when it is over, beside
// operations that wait, incidents and outages of all workers.
type Trouble struct {
	Kind TroubleKind `json:"kind"`
	// Subject is whose trouble it is; what that is depends on the kind.
	Subject string `json:"subject"`
	// Cause says why, as it was when it began.
	Cause string    `json:"cause"`
	Since time.Time `json:"since"`
	// Until is when it was seen to be over; zero while it lasts.
	Until time.Time `json:"until,omitzero"`
}

// Over reports whether it is over.
func (t Trouble) Over() bool { return !t.Until.IsZero() }

// TroubleWords say of a trouble what people must know.
type TroubleWords struct {
	// Is says what is the matter, and Was the same of one that is over: sentences without
	// their full stop.
	Is, Was string
	// Means is what that does, and Ended what follows from its end.
	Means, Ended string
	// See is the command that shows how it stands.
	See string
	// Runbook is the page of docs/runbooks that helps.
	Runbook string
}

// Words are what is to be said of it.
func (t Trouble) Words() TroubleWords {
	switch t.Kind {
	case TroubleOverrun:
		return TroubleWords{
			Is: "A maintenance window goes on longer than it was announced", Was: "a maintenance window went on longer than it was announced",
			Means: "The announcement is extended by itself until all is done, or somebody ends the window.", Ended: "The window has come to its end.",
			See: "starter maintenance list", Runbook: "window-overrun.md",
		}
	case TroubleCapacity:
		return TroubleWords{
			Is: "Provisioning waits for capacity: " + t.Subject, Was: "provisioning waited for capacity: " + t.Subject,
			Means: "New tenants are accepted and wait; what runs goes on, and active tenants are not touched. It goes on by itself when there is room.",
			Ended: "There is room again. What waited goes on by itself.", See: "starter capacity", Runbook: "capacity.md",
		}
	case TroubleFleet:
	}
	return fleetTroubles(FleetKind(t.Subject))
}

func fleetTroubles(k FleetKind) TroubleWords {
	switch k {
	case FleetMigrate:
		return TroubleWords{
			Is: "A migration of the tenants' schemas has stopped", Was: "a migration of the tenants' schemas had stopped",
			Means: "Those that it has not done are at the version before, and work. It goes on when somebody says so.",
			Ended: "Somebody has had it go on or ended it, or a later one has done what was left.", See: "starter migrate tenants --status", Runbook: "migration-stuck.md",
		}
	case FleetBackup:
		return TroubleWords{
			Is: "A backup has left tenants out", Was: "a backup had left tenants out",
			Means: "They have the backups of before. The others have been backed up.",
			Ended: "A later backup has those that were left out.", See: "starter backup list", Runbook: "backup-failed.md",
		}
	case FleetDrill:
		return TroubleWords{
			Is: "A backup could not be restored for practice", Was: "a backup could not be restored for practice",
			Means: "No tenant is touched. Those backups might not bring back their tenants.",
			Ended: "A later drill has restored the last backups of the same tenants.", See: "starter reconcile", Runbook: "drill-failed.md",
		}
	}
	return TroubleWords{
		Is: fmt.Sprintf("A run of the kind %s on all tenants has stopped", k), Was: fmt.Sprintf("a run of the kind %s on all tenants had stopped", k),
		Means: "Tenants that it has not done are as they were.", Ended: "It goes on, or a later one has done what was left.",
		See: "starter doctor", Runbook: "README.md",
	}
}
