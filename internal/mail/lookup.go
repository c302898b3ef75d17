package mail

// Presence is what a provider knows about a mail that may have been sent.
type Presence string

// What Lookup can find.
const (
	// Found: the provider took the mail. Do not send it again.
	Found Presence = "found"
	// Absent: the provider did not take it. Sending it makes no second copy.
	Absent Presence = "absent"
	// Pending: not seen, but the attempt is so young that it might only not be
	// visible yet. Ask again later.
	Pending Presence = "pending"
	// Unknown: this provider cannot say, now or later: SMTP servers, and
	// SendGrid without its Email Activity add-on. Sending the mail again may
	// make a second, identical copy.
	Unknown Presence = "unknown"
)

// Finding is the answer of Lookup.
type Finding struct {
	Presence Presence
	// Receipt is set when Presence is Found.
	Receipt Receipt
}
