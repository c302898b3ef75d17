package mail

import (
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// Outage writes the mail that no worker takes work, or that one does again.
func Outage(o tenant.WorkerOutage) (Content, error) {
	over := !o.ClosedAt.IsZero()
	subject := "No worker takes work"
	summary := "Tenants are accepted and wait; nothing is started, goes on or is undone. No retry budget is used up meanwhile. Active tenants are not touched."
	if over {
		subject, summary = "Over: no worker took work", "A worker takes work again. What waited goes on by itself."
	}
	data := struct {
		Subject, Summary, Cause, Since, Until, Waiting, Runbook string
		Over                                                    bool
	}{subject, summary, oneLine(o.Cause), moment(o.OpenedAt), moment(o.ClosedAt), waiting(o.Waiting), tenant.WorkerRunbook, over}
	return render("outage", subject, data, data)
}

func waiting(n int) string {
	switch n {
	case 0:
		return "no operation waited when it was noticed"
	case 1:
		return "1 operation waited when it was noticed"
	}
	return fmt.Sprintf("%d operations waited when it was noticed", n)
}
