package output

import (
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Findings are what does not fit together.
type Findings struct {
	Items []Finding `json:"items"`
	// Repaired is what the reconciler has repaired by itself meanwhile.
	Repaired []Finding `json:"repaired"`
	// Incomplete names what could not be looked at, with the reason.
	Incomplete []string `json:"incomplete,omitempty"`
}

// NewFindings makes the document.
func NewFindings(r tenant.Reconciliation) Findings {
	return Findings{Items: newFindings(r.Open), Repaired: newFindings(r.Repaired), Incomplete: r.Incomplete}
}

func newFindings(found []tenant.Finding) []Finding {
	items := make([]Finding, len(found))
	for i, f := range found {
		items[i] = NewFinding(f)
	}
	return items
}

// Text is a block for each finding: its sentences do not fit into a table.
func (l Findings) Text() string {
	var b strings.Builder
	if len(l.Items) == 0 {
		b.WriteString("no findings\n")
	}
	for i, f := range l.Items {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(f.Text())
	}
	if len(l.Repaired) > 0 {
		b.WriteString("\nrepaired by the reconciler itself:\n")
	}
	for _, f := range l.Repaired {
		b.WriteString("\n" + f.Text())
	}
	for _, part := range l.Incomplete {
		b.WriteString("\nnot looked at: " + Visible(part) + "\n")
	}
	return b.String()
}

// Finding is one thing that does not fit together.
type Finding struct {
	ID          tenant.FindingID   `json:"id"`
	Kind        tenant.FindingKind `json:"kind"`
	Subject     string             `json:"subject"`
	TenantID    tenant.ID          `json:"tenantId,omitempty"`
	OperationID tenant.OperationID `json:"operationId,omitempty"`
	Detail      string             `json:"detail"`
	Repair      string             `json:"repair"`
	// Safe tells that the reconciler repairs it by itself.
	Safe       bool                `json:"safe"`
	State      tenant.FindingState `json:"state"`
	FirstSeen  time.Time           `json:"firstSeen"`
	LastSeen   time.Time           `json:"lastSeen"`
	ResolvedAt time.Time           `json:"resolvedAt,omitzero"`
	ResolvedBy string              `json:"resolvedBy,omitempty"`
}

// NewFinding makes the document.
func NewFinding(f tenant.Finding) Finding {
	return Finding{
		ID: f.ID, Kind: f.Kind, Subject: f.Subject, TenantID: f.Tenant, OperationID: f.Operation,
		Detail: f.Detail, Repair: f.Repair, Safe: f.Safe, State: f.State,
		FirstSeen: f.FirstSeen.UTC(), LastSeen: f.LastSeen.UTC(), ResolvedAt: f.ResolvedAt.UTC(), ResolvedBy: f.ResolvedBy,
	}
}

// Text is the finding's block.
func (f Finding) Text() string {
	repair := "by hand"
	switch {
	case f.State == tenant.FindingRepaired:
		repair = "done"
	case f.State != tenant.FindingOpen || !f.Kind.Repairable():
	case f.Safe:
		repair = "the reconciler"
	default:
		repair = "on request"
	}
	return form([]pair{
		{"finding", f.ID.String()},
		{"kind", string(f.Kind)},
		{"state", string(f.State)},
		{"subject", f.Subject},
		{"tenant", string(f.TenantID)},
		{"operation", string(f.OperationID)},
		{"found", f.Detail},
		{"repair", repair + ": " + f.Repair},
		{"first seen", moment(f.FirstSeen)},
		{"last seen", moment(f.LastSeen)},
		{"closed", moment(f.ResolvedAt)},
		{"closed by", f.ResolvedBy},
	})
}
