package tenant

import "time"

// Overview is how the installation stands, for those who watch it.
type Overview struct {
	// Open counts the operations that have not ended, by state; a state that
	// none is in has zero.
	Open map[State]int
	// OldestPending is how long the operation that has waited longest has waited
	// to be started; zero when none does.
	OldestPending time.Duration
	// Incidents counts the open incidents of each dependency: none or one.
	Incidents map[Dependency]int
	// Findings counts what the reconciler has found and nobody has settled.
	Findings int
}
