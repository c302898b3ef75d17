package mail

import (
	"errors"
	"fmt"
	"time"

	"tenant-provisioning/internal/tenant"
)

// maxAttentionItems keeps the mail readable on a phone when an outage parks
// hundreds.
const maxAttentionItems = 50

// AttentionItem is one parked operation. It has no name and no address in it, nor
// has its reason: the mail leaves the platform.
type AttentionItem struct {
	TenantID    tenant.ID
	OperationID tenant.OperationID
	Position    tenant.Position
	Class       tenant.FailureClass
	Reason      string
	Allowed     []tenant.Action
	Since       time.Time
	// Deadline is when it is decided without anybody; zero if never.
	Deadline time.Time
}

// attentionItem is what the templates see.
type attentionItem struct {
	TenantID, OperationID, Kind, Step, Class, Meaning, Reason, Since, Deadline, Then string
	// First is what to do before any of the commands.
	First    string
	Commands []string
}

// Attention writes one mail about all operations that newly wait for a person.
// It needs at least one, and shows the first 50.
func Attention(items []AttentionItem) (Content, error) {
	if len(items) == 0 {
		return Content{}, errors.New("attention mail: nothing needs attention")
	}
	shown := make([]attentionItem, 0, min(len(items), maxAttentionItems))
	for _, item := range items[:min(len(items), maxAttentionItems)] {
		shown = append(shown, describe(item))
	}
	subject := fmt.Sprintf("%d operations need attention", len(items))
	if len(items) == 1 {
		subject = fmt.Sprintf("An operation needs attention: %s, %s", items[0].Position.Step, items[0].Class)
	}
	data := struct {
		Subject       string
		Total, Hidden int
		Items         []attentionItem
	}{subject, len(items), len(items) - len(shown), shown}
	return render("attention", subject, data, data)
}

func describe(item AttentionItem) attentionItem {
	described := attentionItem{
		TenantID: string(item.TenantID), OperationID: string(item.OperationID),
		Kind: string(item.Position.Kind), Step: string(item.Position.Step), Class: string(item.Class), Meaning: meaning(item.Class),
		Reason: oneLine(item.Reason), Since: moment(item.Since),
	}
	if !item.Deadline.IsZero() {
		described.Deadline, described.Then = moment(item.Deadline), atDeadline(item.Position)
	}
	if tenant.WantsAddress(item.Position.Step, item.Reason) {
		described.First = "correct the administrator's address; starter status shows how"
	}
	for _, action := range item.Allowed {
		described.Commands = append(described.Commands,
			fmt.Sprintf("starter %s %s --reason 'why'", action, item.OperationID))
	}
	return described
}

// atDeadline says what happens when nobody has decided.
func atDeadline(p tenant.Position) string {
	to, err := tenant.Next(tenant.StateNeedsAttention, p, tenant.EventDeadline)
	switch {
	case err == nil && to == tenant.StateRollingBack:
		return "it is rolled back by itself"
	case err == nil && to == tenant.StateNeedsAttention:
		return "people are told again"
	}
	return "the step is skipped by itself"
}

// meaning says what a class asks of the reader.
func meaning(class tenant.FailureClass) string {
	switch class {
	case tenant.ClassPermanent:
		return "it cannot succeed until somebody changes something"
	case tenant.ClassExhausted:
		return "a passing fault lasted longer than the retry budget"
	case tenant.ClassConflict:
		return "something that belongs to somebody else is in the way"
	case tenant.ClassCapacity:
		return "a limit was reached, such as disk, connections, balance or a provider's quota"
	case tenant.ClassAuth:
		return "a key, password or signature was refused"
	case tenant.ClassCancelled:
		return "a person stopped it"
	case tenant.ClassUndoFailed:
		return "an undo did not succeed; it is tried again at growing intervals, which helps only if its cause goes away"
	}
	return "see its status"
}
