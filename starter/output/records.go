package output

import (
	"strconv"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Records are lines of what has happened, the earliest first.
type Records struct {
	Items []tenant.Record `json:"items"`
	// More tells that there are more than were asked for.
	More bool `json:"more"`
}

// NewRecords makes the document.
func NewRecords(found []tenant.Record, more bool) Records {
	if found == nil {
		found = []tenant.Record{}
	}
	for n := range found {
		found[n].At = found[n].At.UTC()
	}
	return Records{Items: found, More: more}
}

// Text is a table.
func (l Records) Text() string {
	if len(l.Items) == 0 {
		return "nothing happened in that time\n"
	}
	rows := make([][]string, len(l.Items))
	for n, r := range l.Items {
		rows[n] = []string{moment(r.At), string(r.Source), string(r.Tenant), string(r.Operation), what(r), why(r)}
	}
	text := Grid([]string{"AT", "LOG", "TENANT", "OPERATION", "WHAT", "WHY"}, rows)
	if l.More {
		last := l.Items[len(l.Items)-1]
		text += "\nThere are more: --since " + last.At.Format("2006-01-02T15:04:05.000000Z07:00") + ", or a higher --limit\n"
	}
	return text
}

// what is what was done or asked for.
func what(r tenant.Record) string {
	if r.Source == tenant.RecordAudit {
		actor := r.Actor
		if r.ActorClaimed {
			actor += " (claimed)"
		}
		return strings.Join([]string{actor, r.Action, r.Outcome}, " ")
	}
	return string(r.Step) + " " + string(r.Status) + ", attempt " + strconv.Itoa(r.Attempt)
}

func why(r tenant.Record) string {
	if r.Source == tenant.RecordAudit {
		return strings.Trim(r.Reason+"; "+r.Detail, "; ")
	}
	return failureText(r.ErrorClass, r.Error)
}
