package output

import (
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Findings are what does not fit together.
type Findings struct {
	Items []tenant.Finding `json:"items"`
	// Incomplete names what could not be looked at, with the reason.
	Incomplete []string `json:"incomplete,omitempty"`
}

// NewFindings makes the document.
func NewFindings(open []tenant.Finding, incomplete []string) Findings {
	return Findings{Items: append([]tenant.Finding{}, open...), Incomplete: incomplete}
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
		b.WriteString(findingText(f))
	}
	for _, part := range l.Incomplete {
		b.WriteString("\nnot looked at: " + Visible(part) + "\n")
	}
	return b.String()
}

func findingText(f tenant.Finding) string {
	repair := "by hand"
	switch {
	case f.State != tenant.FindingOpen || !f.Kind.Repairable():
	case f.Safe:
		repair = "the reconciler"
	default:
		repair = "on request"
	}
	pairs := []pair{
		{"finding", f.ID.String()},
		{"kind", string(f.Kind)},
		{"state", string(f.State)},
		{"subject", f.Subject},
		{"tenant", string(f.Tenant)},
		{"operation", string(f.Operation)},
		{"found", f.Detail},
		{"repair", repair + ": " + f.Repair},
		{"first seen", moment(f.FirstSeen)},
		{"last seen", moment(f.LastSeen)},
		{"closed", moment(f.ResolvedAt)},
		{"closed by", f.ResolvedBy},
	}
	return form(pairs)
}

// Finding is one finding, after something was done about it.
type Finding struct {
	tenant.Finding
}

// Text is the finding's block.
func (f Finding) Text() string { return findingText(f.Finding) }
