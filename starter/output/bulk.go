package output

import (
	"cmp"
	"fmt"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Bulk is what came of an action on many operations.
type Bulk struct {
	Action  string       `json:"action"`
	Results []BulkResult `json:"results"`
	// Left is how many were selected and not acted on, because of an interrupt.
	Left int `json:"left"`
}

// BulkResult is what came of it for one operation, or one tenant.
type BulkResult struct {
	// OperationID is empty where a tenant was refused one.
	OperationID tenant.OperationID `json:"operationId,omitempty"`
	TenantID    tenant.ID          `json:"tenantId"`
	// Outcome is accepted or refused.
	Outcome string       `json:"outcome"`
	State   tenant.State `json:"state,omitempty"`
	Error   string       `json:"error,omitempty"`
}

// NewBulkResult is the outcome for an operation as it is afterwards.
func NewBulkResult(o tenant.Operation, err error) BulkResult {
	if err != nil {
		return BulkResult{OperationID: o.ID, TenantID: o.TenantID, Outcome: tenant.OutcomeRefused, Error: err.Error()}
	}
	return BulkResult{OperationID: o.ID, TenantID: o.TenantID, Outcome: tenant.OutcomeAccepted, State: o.State}
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
		return "nothing is selected that allows " + b.Action + "\n"
	}
	text := fmt.Sprintf("%s: %d accepted, %d refused, %d not reached\n", b.Action, len(b.Results)-b.Refused(), b.Refused(), b.Left)
	for _, r := range b.Results {
		if r.Outcome != tenant.OutcomeAccepted {
			text += "  " + cmp.Or(string(r.OperationID), string(r.TenantID)) + "  " + Visible(r.Error) + "\n"
		}
	}
	return text
}

// maxPreview keeps a preview on a screen.
const maxPreview = 50

// PreviewOperations shows which operations an action is about to be taken on.
func PreviewOperations(a tenant.Action, selected []tenant.Operation) string {
	return preview(string(a), "operations", []string{"OPERATION", "KIND", "STATE", "STEP", "CLASS", "SINCE", "WHY"}, selected, func(o tenant.Operation) []string {
		return []string{string(o.ID), string(o.Kind), string(o.State), string(o.FailedStep), string(o.FailureClass), moment(o.WaitsSince()), o.FailureReason}
	})
}

// PreviewTenants shows which tenants are about to get an operation.
func PreviewTenants(verb string, selected []tenant.Tenant) string {
	return preview(verb, "tenants", []string{"TENANT", "NAME", "STATUS", "OPEN OPERATION", "CREATED"}, selected, func(t tenant.Tenant) []string {
		return []string{string(t.ID), t.Name, string(t.Status), openOperation(t.OpenOperation), moment(t.CreatedAt)}
	})
}

func preview[T any](verb, noun string, headings []string, selected []T, row func(T) []string) string {
	rows := [][]string{}
	for _, item := range selected[:min(len(selected), maxPreview)] {
		rows = append(rows, row(item))
	}
	var b strings.Builder
	b.WriteString(Grid(headings, rows))
	if hidden := len(selected) - len(rows); hidden > 0 {
		fmt.Fprintf(&b, "… and %d more\n", hidden)
	}
	fmt.Fprintf(&b, "\n%s: %d %s. The reason is kept in clear: no personal data, no secrets; a ticket's number will do.", verb, len(selected), noun)
	return b.String()
}
