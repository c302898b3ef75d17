package mail

import "tenant-provisioning/internal/tenant"

// Trouble writes the mail that something is the matter which is neither an operation, an
// incident nor an outage, or that it is over.
func Trouble(t tenant.Trouble) (Content, error) {
	words := t.Words()
	subject, summary := words.Is, words.Means
	if t.Over() {
		subject, summary = "Over: "+words.Was, words.Ended
	}
	data := struct {
		Subject, Summary, Cause, Since, Until, See, Runbook string
		Over                                                bool
	}{subject, summary, oneLine(t.Cause), moment(t.Since), moment(t.Until), words.See, words.Runbook, t.Over()}
	return render("trouble", subject, data, data)
}
