package output

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
)

// Backups are the backups that there are.
type Backups struct {
	Items []Backup `json:"items"`
}

// Backup is one of them: of a tenant, or of the control tables, which have none.
type Backup struct {
	ID         backup.ID    `json:"id"`
	Tenant     tenant.ID    `json:"tenantId,omitempty"`
	CreatedAt  time.Time    `json:"createdAt"`
	Bytes      int64        `json:"bytes"`
	Rows       int64        `json:"rows"`
	State      backup.State `json:"state"`
	VerifiedAt *time.Time   `json:"verifiedAt,omitempty"`
	Error      string       `json:"error,omitempty"`
}

// NewBackups makes the document.
func NewBackups(all []backup.Record) Backups {
	d := Backups{Items: make([]Backup, len(all))}
	for i, r := range all {
		d.Items[i] = Backup{ID: r.ID, Tenant: r.Tenant, CreatedAt: r.CreatedAt, Bytes: r.Bytes, Rows: r.Rows, State: r.State, VerifiedAt: r.VerifiedAt, Error: r.Error}
	}
	return d
}

// Text is a table.
func (d Backups) Text() string {
	if len(d.Items) == 0 {
		return "no backups\n"
	}
	rows := make([][]string, len(d.Items))
	for i, b := range d.Items {
		of := string(b.Tenant)
		if of == "" {
			of = "control tables"
		}
		rows[i] = []string{string(b.ID), of, moment(b.CreatedAt), strconv.FormatInt(b.Bytes, 10), string(b.State), b.Error}
	}
	return Grid([]string{"ID", "TENANT", "CREATED", "BYTES", "STATE", "ERROR"}, rows)
}

// BackupRun is a run that makes backups.
type BackupRun struct {
	ID     tenant.FleetID     `json:"id"`
	State  tenant.FleetState  `json:"state"`
	Note   string             `json:"note,omitempty"`
	Counts tenant.FleetCounts `json:"counts"`
	Failed []BackupFailure    `json:"failed"`
}

// BackupFailure is a tenant that has no backup of a run.
type BackupFailure struct {
	Tenant tenant.ID `json:"tenantId"`
	Error  string    `json:"error"`
}

// Text is a form, with a line for each tenant that failed.
func (d BackupRun) Text() string {
	var b strings.Builder
	b.WriteString(form([]pair{
		{"run", string(d.ID)},
		{"state", string(d.State)},
		{"note", d.Note},
		{"tenants", fmt.Sprintf("%d done, %d skipped, %d failed, %d to do", d.Counts.Done, d.Counts.Skipped, d.Counts.Failed, d.Counts.Pending)},
	}))
	for _, f := range d.Failed {
		fmt.Fprintf(&b, "%s  %s\n", f.Tenant, Visible(f.Error))
	}
	return b.String()
}

// BackupVerdict is what a verification found.
type BackupVerdict struct {
	ID      backup.ID `json:"id"`
	Good    bool      `json:"good"`
	Refusal string    `json:"refusal,omitempty"`
}

// Text is one line.
func (d BackupVerdict) Text() string {
	if d.Good {
		return "backup " + string(d.ID) + " is as it was made\n"
	}
	return "backup " + string(d.ID) + " is refused: " + d.Refusal + "\n"
}

// Rewrapped is what has become of the tenants' keys.
type Rewrapped struct {
	Keys   int             `json:"keys"`
	Failed []BackupFailure `json:"failed"`
}

// NewRewrapped makes the document.
func NewRewrapped(r backup.Rewrapped) Rewrapped {
	d := Rewrapped{Keys: r.Done, Failed: []BackupFailure{}}
	for _, id := range slices.Sorted(maps.Keys(r.Failed)) {
		d.Failed = append(d.Failed, BackupFailure{Tenant: id, Error: r.Failed[id]})
	}
	return d
}

// Text is a line, and one for each tenant whose key is as it was.
func (d Rewrapped) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d keys are encrypted to BACKUP_RECIPIENTS, %d are not\n", d.Keys, len(d.Failed))
	for _, f := range d.Failed {
		fmt.Fprintf(&b, "%s  %s\n", f.Tenant, Visible(f.Error))
	}
	return b.String()
}
