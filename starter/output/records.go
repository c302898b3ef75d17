package output

import (
	"strconv"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Records are lines of what has happened, the earliest first.
type Records struct {
	Items []tenant.Record `json:"items"`
	// NextCursor leads to those that come next.
	NextCursor string `json:"nextCursor,omitempty"`
}

// NewRecords makes the document.
func NewRecords(p tenant.Page[tenant.Record]) Records {
	l := Records{Items: make([]tenant.Record, len(p.Items)), NextCursor: p.NextCursor}
	for n, r := range p.Items {
		r.At = r.At.UTC()
		l.Items[n] = r
	}
	return l
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
	if l.NextCursor != "" {
		text += "\nThere are more: add --cursor " + l.NextCursor + ", or a higher --limit\n"
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
