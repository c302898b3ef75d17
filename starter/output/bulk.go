package output

import (
	"fmt"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Bulk is what came of an action on many operations.
type Bulk struct {
	Action  tenant.Action `json:"action"`
	Results []BulkResult  `json:"results"`
	// Left is how many were selected and not acted on, because of an interrupt.
	Left int `json:"left"`
}

// BulkResult is what came of it for one operation.
type BulkResult struct {
	OperationID tenant.OperationID `json:"operationId"`
	TenantID    tenant.ID          `json:"tenantId"`
	// Outcome is accepted or refused.
	Outcome string       `json:"outcome"`
	State   tenant.State `json:"state,omitempty"`
	Error   string       `json:"error,omitempty"`
}

// Refused counts what was not accepted.
func (b Bulk) Refused() (n int) {
	for _, r := range b.Results {
		if r.Outcome != tenant.OutcomeAccepted {
			n++
		}
	}
	return n
}

// Text is a summary, and a line for each that was refused.
func (b Bulk) Text() string {
	if len(b.Results) == 0 && b.Left == 0 {
		return "nothing is selected that allows " + string(b.Action) + "\n"
	}
	text := fmt.Sprintf("%s: %d accepted, %d refused, %d not reached\n", b.Action, len(b.Results)-b.Refused(), b.Refused(), b.Left)
	for _, r := range b.Results {
		if r.Outcome != tenant.OutcomeAccepted {
			text += "  " + string(r.OperationID) + "  " + Visible(r.Error) + "\n"
		}
	}
	return text
}

// maxPreview keeps a preview on a screen.
const maxPreview = 50

// Preview shows what an action is about to be done to.
func Preview(a tenant.Action, selected []tenant.Operation) string {
	rows := [][]string{}
	for _, o := range selected[:min(len(selected), maxPreview)] {
		rows = append(rows, []string{string(o.ID), string(o.State), string(o.FailedStep), string(o.FailureClass), moment(o.WaitsSince()), o.FailureReason})
	}
	var b strings.Builder
	b.WriteString(Grid([]string{"OPERATION", "STATE", "STEP", "CLASS", "SINCE", "WHY"}, rows))
	if hidden := len(selected) - len(rows); hidden > 0 {
		fmt.Fprintf(&b, "… and %d more\n", hidden)
	}
	fmt.Fprintf(&b, "\n%s: %d operations. The reason is kept in clear: no personal data, no secrets; a ticket's number will do.", a, len(selected))
	return b.String()
}
