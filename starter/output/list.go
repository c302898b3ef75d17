package output

import (
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Tenants is a listing of tenants, newest first.
type Tenants struct {
	Items      []Tenant `json:"items"`
	NextCursor string   `json:"nextCursor,omitempty"`
}

// NewTenants makes the document of a listing.
func NewTenants(tenants []tenant.Tenant, nextCursor string) Tenants {
	l := Tenants{Items: []Tenant{}, NextCursor: nextCursor}
	for _, t := range tenants {
		l.Items = append(l.Items, NewTenant(t))
	}
	return l
}

// Text is a table, with how to see more when there is more.
func (l Tenants) Text() string {
	if len(l.Items) == 0 {
		return "no tenants\n"
	}
	rows := make([][]string, len(l.Items))
	for i, t := range l.Items {
		rows[i] = []string{string(t.ID), t.Name, string(t.Status), t.SchemaName, moment(t.CreatedAt)}
	}
	text := Grid([]string{"ID", "NAME", "STATUS", "SCHEMA", "CREATED"}, rows)
	if l.NextCursor != "" {
		text += "\nThere are more: add --all, or --cursor " + l.NextCursor + "\n"
	}
	return text
}

// Attention lists the operations that wait for a person, oldest trouble last.
type Attention struct {
	Items []Waiting `json:"items"`
	// More tells that the listing was cut.
	More bool `json:"more"`
}

// Waiting is an operation that waits for a person, and its tenant.
type Waiting struct {
	Operation Operation `json:"operation"`
	Tenant    Tenant    `json:"tenant"`
}

// Text is a table, with how to go on from it.
func (l Attention) Text() string {
	if len(l.Items) == 0 {
		return "nothing needs attention\n"
	}
	rows := make([][]string, len(l.Items))
	for i, w := range l.Items {
		o := w.Operation
		deadline := ""
		if o.AttentionDeadline != nil {
			deadline = moment(*o.AttentionDeadline)
		}
		rows[i] = []string{
			string(o.ID), w.Tenant.Name, string(o.State), string(o.FailedStep), string(o.FailureClass),
			moment(o.since), deadline, actions(o.AllowedActions), o.FailureReason,
		}
	}
	text := Grid([]string{"OPERATION", "TENANT", "STATE", "STEP", "CLASS", "SINCE", "DECIDED AT", "ALLOWED", "WHY"}, rows)
	if l.More {
		text += "\nThere are more: add --all\n"
	}
	return text + "\nThe steps, and the commands to paste:\n  starter status OPERATION\n"
}

func actions(allowed []tenant.Action) string {
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return strings.Join(names, ", ")
}
