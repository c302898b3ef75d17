package output

import (
	"fmt"
	"slices"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Import is what an import has done about each row of the replaced application, or
// would do.
type Import struct {
	From   string      `json:"from"`
	DryRun bool        `json:"dryRun"`
	Counts []CountOf   `json:"counts"`
	Rows   []ImportRow `json:"rows"`
}

// CountOf is how many rows have a state.
type CountOf struct {
	State string `json:"state"`
	Rows  int    `json:"rows"`
}

// ImportRow is one row. State is what can be done about it or, once it was accepted, its
// tenant's status, or the operation's state while that is open.
type ImportRow struct {
	SourceID    string             `json:"sourceId"`
	Name        string             `json:"name"`
	SchemaName  string             `json:"schemaName"`
	State       string             `json:"state"`
	TenantID    tenant.ID          `json:"tenantId,omitempty"`
	OperationID tenant.OperationID `json:"operationId,omitempty"`
	ContractID  string             `json:"contractId,omitempty"`
	// Changes says what the import adds to the schema.
	Changes []string `json:"changes"`
	// Why says why it cannot be imported, or what its operation has met.
	Why []string `json:"why"`

	asked tenant.ImportState
}

// NewImport makes the document of what can be done.
func NewImport(from string, dryRun bool, rows []tenant.ImportRow) Import {
	d := Import{From: from, DryRun: dryRun, Rows: make([]ImportRow, len(rows))}
	for i, r := range rows {
		row := ImportRow{
			SourceID: r.ID, Name: r.Name, SchemaName: r.Schema, State: string(r.State),
			Changes: append([]string{}, r.Changes...), Why: append([]string{}, r.Refused...), asked: r.State,
		}
		if r.Tenant != nil {
			row.TenantID, row.ContractID = r.Tenant.ID, r.Tenant.ContractID
		}
		d.Rows[i] = row
	}
	d.count()
	return d
}

// Reached writes what became of a row.
func (d *Import) Reached(row int, state string, id tenant.ID, operation tenant.OperationID, contract, problem string) {
	r := &d.Rows[row]
	r.State, r.OperationID, r.ContractID = state, operation, contract
	if id != "" {
		r.TenantID = id
	}
	if problem != "" {
		r.Why = append(r.Why, problem)
	}
	d.count()
}

func (d *Import) count() {
	d.Counts = []CountOf{}
	for _, r := range d.Rows {
		i := slices.IndexFunc(d.Counts, func(c CountOf) bool { return c.State == r.State })
		if i < 0 {
			i, d.Counts = len(d.Counts), append(d.Counts, CountOf{State: r.State})
		}
		d.Counts[i].Rows++
	}
}

// NotGood counts the rows that somebody has to look at. Without waiting, one that was
// accepted is good.
func (d Import) NotGood(waited bool) int {
	n := 0
	for _, r := range d.Rows {
		switch {
		case r.State == string(tenant.ImportDone), r.State == string(tenant.ImportLeft), r.State == string(tenant.StatusActive):
		case d.DryRun && r.asked.Goes():
		case !waited && (r.State == string(tenant.StatePending) || r.State == string(tenant.StateRunning)):
		default:
			n++
		}
	}
	return n
}

// Text is a table, with what stands beside each row below it.
func (d Import) Text() string {
	if len(d.Rows) == 0 {
		return "no tenants in " + d.From + ".tenants\n"
	}
	rows := make([][]string, len(d.Rows))
	for i, r := range d.Rows {
		rows[i] = []string{r.SourceID, r.Name, r.SchemaName, r.State, string(r.TenantID), r.ContractID}
	}
	var b strings.Builder
	b.WriteString(Grid([]string{"ROW", "NAME", "SCHEMA", "STATE", "TENANT", "CONTRACT"}, rows))
	for _, r := range d.Rows {
		says := r.Why
		if d.DryRun && len(says) == 0 {
			says = r.Changes
		}
		if len(says) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s (%s):\n", Visible(r.Name), Visible(r.SourceID))
		for _, s := range says {
			fmt.Fprintf(&b, "  %s\n", Visible(s))
		}
	}
	counts := make([]string, len(d.Counts))
	for i, c := range d.Counts {
		counts[i] = fmt.Sprintf("%d %s", c.Rows, c.State)
	}
	fmt.Fprintf(&b, "\n%d rows: %s\n", len(d.Rows), strings.Join(counts, ", "))
	if d.DryRun {
		b.WriteString("Nothing was changed.\n")
	}
	return b.String()
}
