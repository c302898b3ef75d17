package output

import (
	"strconv"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Incidents are the dependencies that fail, or have failed, for many tenants.
type Incidents struct {
	Items []tenant.Incident `json:"items"`
}

// NewIncidents makes the document.
func NewIncidents(all []tenant.Incident) Incidents {
	return Incidents{Items: append([]tenant.Incident{}, all...)}
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
			{"came back", strconv.Itoa(i.Reopened) + " times"},
		})
	}
	return strings.Join(blocks, "\n")
}
