package tenant

import "time"

// BackupsTooOld is the age from which a backup is too old: a daily one was missed, and
// had six hours to be made after all.
const BackupsTooOld = 30 * time.Hour

// StandingBackups is how it stands with the backups of an installation, for those who
// watch.
type StandingBackups struct {
	// Made tells that a backup was asked for at least once. Nothing else is known before.
	Made bool
	// Control is how old the last good backup of the control tables is, and Oldest the
	// oldest of the last good ones of tenants that are not purged. What never had a good
	// one is as old as the first backup that was asked for.
	Control, Oldest time.Duration
	// Late counts the tenants whose last good backup is too old, or that have none.
	Late int
	// Broken counts the backups that were good, and are not any more.
	Broken int
	// Drilled is how long ago the last drill ended in which every backup held; without one,
	// how long ago the first drill was asked for. Zero where none was.
	Drilled time.Duration
	// DrillsFailed counts the tenants whose last drill did not hold.
	DrillsFailed int
	// Last is what became of the tenants in the last run of all that has ended.
	Last FleetCounts
}
