package output

import (
	"strconv"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Incidents are the dependencies that fail, or have failed, for many tenants.
type Incidents struct {
	Items []Incident `json:"items"`
	// Workers tells whether anybody does the work.
	Workers *tenant.Workforce `json:"workers,omitempty"`
}

// Incident is one of them.
type Incident struct {
	tenant.Incident
	// Runbook is the page that says what to do, as the repository has it.
	Runbook string `json:"runbook"`
}

// NewIncidents makes the document.
func NewIncidents(all []tenant.Incident) Incidents {
	d := Incidents{Items: make([]Incident, len(all))}
	for n, i := range all {
		d.Items[n] = Incident{Incident: i, Runbook: "docs/runbooks/" + i.Runbook()}
	}
	return d
}

// Text is a block for each incident: its cause does not fit into a table.
func (l Incidents) Text() string {
	if len(l.Items) == 0 {
		return "no incidents\n"
	}
	blocks := make([]string, len(l.Items))
	for n, i := range l.Items {
		state := "open"
		if !i.ClosedAt.IsZero() {
			state = "closed"
		}
		blocks[n] = form([]pair{
			{"incident", strconv.FormatInt(i.ID, 10)},
			{"state", state},
			{"dependency", string(i.Dependency)},
			{"cause", i.Cause},
			{"affected", strconv.Itoa(i.Affected) + " operations when it was opened"},
			{"opened", moment(i.OpenedAt)},
			{"last probe", moment(i.LastProbeAt)},
			{"closed", moment(i.ClosedAt)},
			{"runbook", i.Runbook},
			{"came back", strconv.Itoa(i.Reopened) + " times"},
		})
	}
	return strings.Join(blocks, "\n")
}
