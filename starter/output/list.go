package output

import (
	"slices"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Tenants is a listing of tenants, newest first.
type Tenants struct {
	Items      []Listed `json:"items"`
	NextCursor string   `json:"nextCursor,omitempty"`
	// Workers tells whether anybody does the work.
	Workers *tenant.Workforce `json:"workers,omitempty"`
}

// Listed is a tenant in a listing.
type Listed struct {
	Tenant
	// WaitingFor is what its open operation waits for without anybody having to
	// act.
	WaitingFor *tenant.WaitingFor `json:"waitingFor,omitempty"`
}

// NewTenants makes the document of a listing.
func NewTenants(tenants []tenant.Tenant, waiting map[tenant.ID]*tenant.WaitingFor, nextCursor string) Tenants {
	l := Tenants{Items: []Listed{}, NextCursor: nextCursor}
	for _, t := range tenants {
		l.Items = append(l.Items, Listed{Tenant: NewTenant(t), WaitingFor: waiting[t.ID]})
	}
	return l
}

// Text is a table, with how to see more when there is more.
func (l Tenants) Text() string {
	if len(l.Items) == 0 {
		return "no tenants\n"
	}
	waits := slices.ContainsFunc(l.Items, func(t Listed) bool { return t.WaitingFor != nil })
	headings := []string{"ID", "NAME", "STATUS", "SCHEMA", "CREATED"}
	if waits {
		headings = append(headings, "WAITS FOR")
	}
	rows := make([][]string, len(l.Items))
	for i, t := range l.Items {
		rows[i] = []string{string(t.ID), t.Name, string(t.Status), t.SchemaName, moment(t.CreatedAt)}
		if waits {
			rows[i] = append(rows[i], obstacle(t.WaitingFor))
		}
	}
	text := Grid(headings, rows)
	if waits {
		text += waitsText(l.Items)
	}
	if l.NextCursor != "" {
		text += "\nThere are more: add --all, or --cursor " + l.NextCursor + "\n"
	}
	return text
}

// waitsText says where to see what tenants wait for.
func waitsText(tenants []Listed) string {
	var incident, window, capacity bool
	for _, t := range tenants {
		switch w := t.WaitingFor; {
		case w == nil:
		case w.WindowID != "":
			window = true
		case w.Capacity != "":
			capacity = true
		default:
			incident = true
		}
	}
	var b strings.Builder
	if incident {
		b.WriteString("\nWhat waits for an incident goes on by itself when that is over; nobody need act:\n  starter incidents\n")
	}
	if window {
		b.WriteString("\nWhat waits for the end of a maintenance window goes on by itself then; nobody need act:\n  starter maintenance list\n")
	}
	if capacity {
		b.WriteString("\nWhat waits for capacity goes on by itself when there is room; nobody need act on it:\n  starter capacity\n")
	}
	return b.String()
}

// waitText is the sentence about one operation that waits.
func waitText(w *tenant.WaitingFor) string {
	command := "starter incidents"
	switch {
	case w.Capacity != "":
		command = "starter capacity"
	case w.WindowID != "":
		command = "starter maintenance list " + string(w.WindowID)
	}
	return "\nIt " + Visible(w.Message) + ". See how it stands:\n  " + command + "\n"
}

// obstacle names what is waited for.
func obstacle(w *tenant.WaitingFor) string {
	if w == nil {
		return ""
	}
	switch {
	case w.Capacity != "":
		return "capacity (" + string(w.Capacity) + ") since " + moment(w.Since)
	case w.WindowID != "":
		return "maintenance until " + moment(w.Until)
	}
	return tenant.Incident{ID: w.IncidentID, Dependency: w.Dependency}.String() + " since " + moment(w.Since)
}

// Attention lists the operations that wait for a person, oldest trouble last.
type Attention struct {
	Items []Waiting `json:"items"`
	// More tells that the listing was cut.
	More bool `json:"more"`
	// Incidents are open: what waits for one is not in the list.
	Incidents []tenant.Incident `json:"incidents,omitempty"`
	// Workers tells whether anybody does the work.
	Workers *tenant.Workforce `json:"workers,omitempty"`
}

// Waiting is an operation that waits for a person, and its tenant.
type Waiting struct {
	Operation Operation `json:"operation"`
	Tenant    Tenant    `json:"tenant"`
}

// Text is a table, with how to go on from it.
func (l Attention) Text() string {
	if len(l.Items) == 0 {
		return "nothing needs attention\n" + openText(l.Incidents)
	}
	rows := make([][]string, len(l.Items))
	for i, w := range l.Items {
		o := w.Operation
		rows[i] = []string{
			string(o.ID), w.Tenant.Name, string(o.Kind), string(o.State), string(o.FailedStep), string(o.FailureClass),
			moment(o.since), momentOf(o.AttentionDeadline), actions(o.AllowedActions), o.FailureReason,
		}
	}
	text := Grid([]string{"OPERATION", "TENANT", "KIND", "STATE", "STEP", "CLASS", "SINCE", "DEADLINE", "ALLOWED", "WHY"}, rows)
	if l.More {
		text += "\nThere are more: add --all\n"
	}
	return text + "\nThe steps, and the commands to paste:\n  starter status OPERATION\n" + openText(l.Incidents)
}

// openText says what holds others up, who are in no list of what needs
// attention.
func openText(open []tenant.Incident) string {
	if len(open) == 0 {
		return ""
	}
	var b strings.Builder
	for _, i := range open {
		b.WriteString("\nOpen since " + moment(i.OpenedAt) + ": " + i.String() + ": " + Visible(i.Cause) + "\n")
	}
	return b.String() + "What waits for it goes on by itself when that is over, and is not in this list; nobody need act on it. See how it stands:\n  starter incidents\n"
}

func actions(allowed []tenant.Action) string {
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return strings.Join(names, ", ")
}
