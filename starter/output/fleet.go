package output

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tenant-provisioning/internal/schemalint"
	"tenant-provisioning/internal/tenant"
)

// TenantMigration is how far the tenants' schemas are, and what there is to do.
type TenantMigration struct {
	// Version is that of the template.
	Version  int64                  `json:"version"`
	Versions []tenant.SchemaVersion `json:"versions"`
	// Behind is how many tenants are at an older one.
	Behind int `json:"behind"`
	// Files are those that have not reached all tenants, and Refused what is wrong with
	// them.
	Files   []string             `json:"files,omitempty"`
	Refused []schemalint.Finding `json:"refused,omitempty"`
	// Run is the newest one, if there was any.
	Run *FleetRun `json:"run,omitempty"`
}

// NewTenantMigration makes the document.
func NewTenantMigration(version int64, versions []tenant.SchemaVersion) TenantMigration {
	m := TenantMigration{Version: version, Versions: append([]tenant.SchemaVersion{}, versions...)}
	for _, v := range versions {
		if v.Version < version {
			m.Behind += v.Tenants
		}
	}
	return m
}

// Text says it in lines.
func (m TenantMigration) Text() string {
	var b strings.Builder
	for _, f := range m.Refused {
		fmt.Fprintf(&b, "%s\n", f)
	}
	if m.Run != nil {
		b.WriteString(m.Run.Text() + "\n")
	}
	if m.Behind == 0 {
		fmt.Fprintf(&b, "all tenants are at version %d\n", m.Version)
		return b.String()
	}
	rows := make([][]string, len(m.Versions))
	for i, v := range m.Versions {
		rows[i] = []string{strconv.FormatInt(v.Version, 10), strconv.Itoa(v.Tenants)}
	}
	b.WriteString(Grid([]string{"VERSION", "TENANTS"}, rows))
	fmt.Fprintf(&b, "\n%d tenants are behind version %d", m.Behind, m.Version)
	if len(m.Files) > 0 {
		b.WriteString(": " + strings.Join(m.Files, ", "))
	}
	b.WriteString("\n")
	return b.String()
}

// FleetRun is a run on all tenants, as the HTTP API writes it.
type FleetRun struct {
	ID             tenant.FleetID       `json:"id"`
	Kind           tenant.FleetKind     `json:"kind"`
	State          tenant.FleetState    `json:"state"`
	Wave           int                  `json:"wave"`
	Waves          int                  `json:"waves"`
	Counts         tenant.FleetCounts   `json:"counts"`
	Settings       tenant.FleetSettings `json:"settings"`
	Params         json.RawMessage      `json:"params"`
	Note           string               `json:"note,omitempty"`
	Actor          string               `json:"actor"`
	Reason         string               `json:"reason"`
	AllowedActions []tenant.FleetAction `json:"allowedActions"`
	CreatedAt      time.Time            `json:"createdAt"`
	StartedAt      time.Time            `json:"startedAt,omitzero"`
	FinishedAt     time.Time            `json:"finishedAt,omitzero"`
	// Failed are the first tenants that have failed.
	Failed []FleetItem `json:"failed,omitempty"`
}

// FleetItem is a tenant that has failed.
type FleetItem struct {
	TenantID tenant.ID           `json:"tenantId"`
	Attempts int                 `json:"attempts"`
	Class    tenant.FailureClass `json:"failureClass,omitempty"`
	Error    string              `json:"error,omitempty"`
}

// NewFleetRun makes the document of a run.
func NewFleetRun(r tenant.FleetRun, failed []tenant.FleetItem) FleetRun {
	d := FleetRun{
		ID: r.ID, Kind: r.Kind, State: r.State, Wave: r.Wave, Waves: r.Waves, Counts: r.Counts, Settings: r.Settings, Params: r.Params, Note: r.Note,
		Actor: r.Actor, Reason: r.Reason, AllowedActions: r.AllowedActions(), CreatedAt: r.CreatedAt.UTC(), StartedAt: r.StartedAt.UTC(), FinishedAt: r.FinishedAt.UTC(),
	}
	for _, i := range failed {
		d.Failed = append(d.Failed, FleetItem{TenantID: i.Tenant, Attempts: i.Attempts, Class: i.Class, Error: i.Error})
	}
	return d
}

// migrationDoes is what the commands for a migration that has stopped come to, in the
// order in which it is sensible to try.
var migrationDoes = []struct {
	action tenant.FleetAction
	does   string
}{
	{tenant.FleetRetry, "does what has failed again, and the rest"},
	{tenant.FleetResume, "leaves what has failed behind, and does the rest"},
	{tenant.FleetAbort, "ends it; what was done stays"},
}

// commands are there where the run waits for a person.
func (r FleetRun) commands() []Command {
	if r.Kind != tenant.FleetMigrate || r.State != tenant.FleetPaused && r.State != tenant.FleetFailed {
		return nil
	}
	var commands []Command
	for _, c := range migrationDoes {
		if slices.Contains(r.AllowedActions, c.action) && (c.action != tenant.FleetRetry || r.Counts.Failed > 0) {
			commands = append(commands, Command{Does: c.does, Line: fmt.Sprintf(`starter migrate tenants --%s --reason "WHY"`, c.action)})
		}
	}
	return commands
}

// Text is a form, with the tenants that have failed and what may be done below.
func (r FleetRun) Text() string {
	var actions []string
	if len(r.commands()) == 0 { // else they stand below
		for _, a := range r.AllowedActions {
			actions = append(actions, string(a))
		}
	}
	text := form([]pair{
		{"run", string(r.ID)}, {"state", string(r.State)}, {"why", r.Note},
		{"wave", fmt.Sprintf("%d of %d", r.Wave+1, max(r.Waves, 1))},
		{"tenants", fmt.Sprintf("%d done, %d to do, %d failed, %d gone", r.Counts.Done, r.Counts.Pending, r.Counts.Failed, r.Counts.Skipped)},
		{"asked for by", r.Actor + ": " + r.Reason},
		{"created", moment(r.CreatedAt)}, {"started", moment(r.StartedAt)}, {"finished", moment(r.FinishedAt)},
		{"allowed now", strings.Join(actions, ", ")},
	})
	if len(r.Failed) == 0 {
		return text + commandText(r.commands())
	}
	rows := make([][]string, len(r.Failed))
	for i, f := range r.Failed {
		rows[i] = []string{string(f.TenantID), strconv.Itoa(f.Attempts), f.Error}
	}
	return text + "\n" + Grid([]string{"FAILED TENANT", "ATTEMPTS", "WHY"}, rows) + commandText(r.commands())
}
