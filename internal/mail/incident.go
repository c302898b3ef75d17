package mail

import (
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// dependencies says in a reader's words what fails, and which page of
// docs/runbooks helps.
var dependencies = map[tenant.Dependency]struct{ name, runbook string }{
	tenant.DependencyDatabase: {"PostgreSQL", "database-full.md, or database-away.md"},
	tenant.DependencyLedger:   {"Stellar", "stellar-down.md"},
	tenant.DependencyMail:     {"E-mail", "email-down.md"},
}

// Incident writes the mail about a dependency that fails for many tenants, or
// did until the incident was closed.
func Incident(i tenant.Incident) (Content, error) {
	d, known := dependencies[i.Dependency]
	if !known {
		return Content{}, fmt.Errorf("incident mail: unknown dependency %q", i.Dependency)
	}
	over, quiet := !i.ClosedAt.IsZero(), fmt.Sprintf("%.0f minutes", tenant.IncidentQuiet.Minutes())
	subject := d.name + " fails for many tenants"
	summary := "Nothing new is started, and what runs waits before the step that needs it. No retry budget is used up meanwhile."
	if over {
		subject = "Over: " + d.name + " failed for many tenants"
		summary = "It works again, and has for " + quiet + ". What waited has been resumed."
	}
	data := struct {
		Subject, Summary, What, Cause, Since, Until, Runbook, Quiet string
		Affected, Reopened                                          int
		Over                                                        bool
	}{
		subject, summary, fmt.Sprintf("Incident %d: %s", i.ID, i.Dependency), oneLine(i.Cause), moment(i.OpenedAt), moment(i.ClosedAt), d.runbook,
		quiet, i.Affected, i.Reopened, over,
	}
	return render("incident", subject, data, data)
}
