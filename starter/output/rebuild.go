package output

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
)

// RebuildPlan is what the restore of a whole installation would do.
type RebuildPlan struct {
	Database     string      `json:"database"`
	Installation string      `json:"installation"`
	Control      backup.ID   `json:"controlBackup"`
	AsOf         time.Time   `json:"asOf"`
	Rows         int64       `json:"controlRows"`
	Tenants      int         `json:"tenantsWithBackups"`
	Purged       []tenant.ID `json:"purged"`
}

// NewRebuildPlan makes the document.
func NewRebuildPlan(i backup.Inventory, database string) RebuildPlan {
	return RebuildPlan{
		Database: database, Installation: i.Control.Installation, Control: i.Control.ID, AsOf: i.Control.TakenAt, Rows: i.Control.Rows(),
		Tenants: len(i.Tenants), Purged: append([]tenant.ID{}, slices.Sorted(maps.Keys(i.Tombstones))...),
	}
}

// Text is a form.
func (d RebuildPlan) Text() string {
	return form([]pair{
		{"to the database", d.Database}, {"installation", d.Installation}, {"control tables", string(d.Control) + ", verified, " + fmt.Sprint(d.Rows) + " rows"},
		{"as of", moment(d.AsOf) + "; what was written since is lost, but for what newer backups of tenants hold"},
		{"tenants with backups", fmt.Sprint(d.Tenants)}, {"purged, not restored", fmt.Sprint(len(d.Purged))},
		{"nothing was done", "to do it, the same with --yes"},
	})
}

// Rebuilt is what the restore of a whole installation has made.
type Rebuilt struct {
	Control  backup.ID       `json:"controlBackup"`
	AsOf     time.Time       `json:"asOf"`
	Clone    bool            `json:"clone"`
	Restored int             `json:"restored"`
	Rows     int64           `json:"rows"`
	Purged   []tenant.ID     `json:"purged"`
	Failed   []BackupFailure `json:"failed"`
}

// NewRebuilt makes the document.
func NewRebuilt(r backup.Rebuilt, clone bool) Rebuilt {
	d := Rebuilt{
		Control: r.Control.ID, AsOf: r.Control.TakenAt, Clone: clone, Restored: len(r.Restored), Rows: r.Control.Rows(),
		Purged: append([]tenant.ID{}, r.Purged...), Failed: []BackupFailure{},
	}
	for i := range r.Restored {
		d.Rows += r.Restored[i].Rows()
	}
	for _, id := range slices.Sorted(maps.Keys(r.Failed)) {
		d.Failed = append(d.Failed, BackupFailure{Tenant: id, Error: r.Failed[id]})
	}
	return d
}

// Text is a form, with a line for each tenant that is not there.
func (d Rebuilt) Text() string {
	next := "it sends, dispatches and signs nothing until: starter restore --go-live"
	if d.Clone {
		next = "it never goes live"
	}
	var b strings.Builder
	b.WriteString(form([]pair{
		{"control tables", string(d.Control)}, {"as of", moment(d.AsOf)},
		{"tenants restored", fmt.Sprintf("%d now, %d rows with the control tables, each compared with its manifest", d.Restored, d.Rows)},
		{"purged, not restored", fmt.Sprint(len(d.Purged))}, {"not restored", fmt.Sprint(len(d.Failed))}, {"not live", next},
	}))
	for _, f := range d.Failed {
		fmt.Fprintf(&b, "%s  %s\n", f.Tenant, Visible(f.Error))
	}
	return b.String()
}

// WentLive is what going live has ended, and what is lost.
type WentLive struct {
	Backup    backup.ID   `json:"controlBackup"`
	AsOf      time.Time   `json:"asOf"`
	At        time.Time   `json:"at"`
	Purged    []tenant.ID `json:"purgedSince"`
	RunsEnded int         `json:"runsEnded"`
	// Signed is what the ledger has of our accounts, and the restored journal has not.
	Signed []SignedSince `json:"signedSince"`
	backup.Settled
}

// SignedSince is how many transactions an account has signed since the backup.
type SignedSince struct {
	Account      string `json:"account"`
	Transactions int64  `json:"transactions"`
}

// Text is a form.
func (d WentLive) Text() string {
	var signed int64
	for _, s := range d.Signed {
		signed += s.Transactions
	}
	return form([]pair{
		{"live since", moment(d.At)},
		{"as of", fmt.Sprintf("%s: what happened in the %s until now is lost", moment(d.AsOf), d.At.Sub(d.AsOf).Round(time.Second))},
		{"purged since, deleted again", fmt.Sprint(len(d.Purged))}, {"runs ended", fmt.Sprint(d.RunsEnded)},
		{"operations that go on", fmt.Sprint(d.Operations)},
		{"ledger", fmt.Sprintf("%d transactions since the backup that the journal does not know, %d under way then", signed, d.Transactions)},
		{"mails in doubt", fmt.Sprint(d.Mails)}, {"notices dropped", fmt.Sprint(d.Notices)}, {"links voided", fmt.Sprint(d.Invitations)},
	})
}
