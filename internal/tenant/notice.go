package tenant

import "time"

// NoticeWebhook is the recipient of notices that is no person but
// NOTIFY_WEBHOOK.
const NoticeWebhook = "webhook"

// Notice is one mail to one person, or one request to NOTIFY_WEBHOOK: about the
// operations that newly wait for somebody, or about an incident, an outage of all
// workers or another trouble.
type Notice struct {
	// ID travels with the mail; the provider is asked for it after a doubt.
	ID string
	To string
	// Operations are those of its parkings that still wait, oldest first.
	Operations []Operation
	// Outage is what it is about instead: no worker takes work, or one does again.
	// Its id is zero otherwise.
	Outage WorkerOutage
	// Incident is what it is about instead: one that goes on, or that is over.
	// Its id is zero otherwise.
	Incident Incident
	// Trouble is what it is about instead: one that lasts, or that is over. Its kind is
	// empty otherwise.
	Trouble Trouble
	// Late tells that the incident has ended before it could be told that it
	// goes on.
	Late bool
	// Doubtful tells that an earlier attempt may have left.
	Doubtful bool
	// Age is how long ago that attempt left.
	Age time.Duration
	// Attempts counts the attempts to send it, this one included.
	Attempts int
}

// Empty tells that there is nothing left to tell: what it was about has ended
// before it left.
func (n Notice) Empty() bool {
	return len(n.Operations) == 0 && n.Incident.ID == 0 && n.Outage.ID == 0 && n.Trouble.Kind == ""
}
