package mailtest

import "time"

// Message is one mail to one recipient, as it would have been delivered.
type Message struct {
	// ID is what SendGrid answers as X-Message-Id. Further recipients of the
	// same request get a suffix.
	ID string `json:"id"`
	// To is the recipient's address as it stood in the request.
	To      string `json:"to"`
	Subject string `json:"subject"`
	// Text and HTML are what the recipient sees: with SendGrid's tracking
	// links in them, unless the request switched tracking off.
	Text string `json:"text"`
	HTML string `json:"html"`

	ToName     string            `json:"toName,omitempty"`
	From       string            `json:"from"`
	FromName   string            `json:"fromName,omitempty"`
	ReplyTo    string            `json:"replyTo,omitempty"`
	ReceivedAt time.Time         `json:"receivedAt"`
	CustomArgs map[string]string `json:"customArgs,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
}

// activityID is the message's id in Email Activity. SendGrid makes it from
// X-Message-Id and the name of the machine that took the request.
func (m Message) activityID() string { return m.ID + ".recvd-mailcatcher-1-0" }
