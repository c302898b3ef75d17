package tenant

import "time"

// Restored is what a restore has made of a backup.
type Restored struct {
	// TakenAt is the moment that the data is from.
	TakenAt time.Time `json:"takenAt"`
	Rows    int64     `json:"rows"`
	// Version is that of the template now; the backup may have been of an earlier one.
	Version int64 `json:"templateVersion"`
	// Plain are the tables that the template does not make. They have their columns and
	// rows again, and none of their constraints, indexes, triggers and grants.
	Plain []string `json:"plainTables,omitempty"`
}

// KeptFor is how long what a tenant had before a restore is kept, beside what it has.
const KeptFor = 24 * time.Hour
