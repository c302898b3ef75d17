package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tenant-provisioning/internal/tenant"
)

// SendNotice sends the mail about operations that wait for a person, about an
// incident, about workers, or about another trouble. After a doubt the provider is asked for it first; only when it does
// not have it, or can never say, the mail leaves once more. The first result
// tells, with an error, that the mail may have left.
func (p *Postman) SendNotice(ctx context.Context, n tenant.Notice) (doubtful bool, err error) {
	content, err := p.contentOf(n)
	if err != nil {
		return n.Doubtful, err
	}
	return p.sendOnce(ctx, n.Doubtful, n.Age, Message{ID: n.ID, From: p.config.From, To: Address{Addr: n.To}, Content: content})
}

// sendOnce sends a mail. When it is in doubt whether it left before, so long ago, the
// provider is asked for it first.
func (p *Postman) sendOnce(ctx context.Context, inDoubt bool, age time.Duration, m Message) (doubtful bool, err error) {
	if inDoubt {
		finding, err := p.config.Provider.Lookup(ctx, m.ID, p.config.Clock().Add(-age))
		switch {
		case err != nil:
			return true, fmt.Errorf("ask for the notice: %w", err)
		case finding.Presence == Found:
			return false, nil
		case finding.Presence == Pending:
			return true, errors.New("an earlier attempt at the notice may still be under way; the provider is asked again")
		}
	}
	if _, err = p.config.Provider.Send(ctx, m); err != nil {
		_, uncertain := errors.AsType[*UncertainError](err)
		return inDoubt || uncertain, fmt.Errorf("send the notice: %w", err)
	}
	return false, nil
}

func (p *Postman) contentOf(n tenant.Notice) (Content, error) {
	switch {
	case n.Incident.ID != 0 && n.Late:
		return LateIncident(n.Incident, p.config.Clock().Sub(n.Incident.ClosedAt) < tenant.IncidentQuiet)
	case n.Incident.ID != 0:
		return Incident(n.Incident)
	case n.Outage.ID != 0:
		return Outage(n.Outage)
	case n.Trouble.Kind != "":
		return Trouble(n.Trouble)
	}
	return Attention(attentionItems(n.Operations))
}

func attentionItems(operations []tenant.Operation) []AttentionItem {
	items := make([]AttentionItem, len(operations))
	for i, o := range operations {
		items[i] = AttentionItem{
			TenantID: o.TenantID, OperationID: o.ID, Position: o.Position(), Class: o.FailureClass, Reason: o.FailureReason,
			Allowed: o.AllowedActions(), Since: o.WaitsSince(), Deadline: o.AttentionDeadline,
		}
	}
	return items
}
