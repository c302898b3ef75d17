package mail

import (
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// dependencies says in a reader's words what fails.
var dependencies = map[tenant.Dependency]string{
	tenant.DependencyDatabase: "PostgreSQL",
	tenant.DependencyLedger:   "Stellar",
	tenant.DependencyMail:     "E-mail",
	tenant.DependencySigner:   "The contracts' signer",
}

// incident is what the templates see.
type incident struct {
	Subject, Summary, What, Cause, Since, Until, Runbook, Quiet string
	// Now is what the mail's own arrival says, and Another whether a mail follows.
	Now                string
	Another            bool
	Affected, Reopened int
	Over               bool
}

// Incident writes the mail about a dependency that fails for many tenants, or
// did until the incident was closed.
func Incident(i tenant.Incident) (Content, error) {
	name, known := dependencies[i.Dependency]
	if !known {
		return Content{}, fmt.Errorf("incident mail: unknown dependency %q", i.Dependency)
	}
	data := about(i)
	if data.Over {
		data.Subject = "Over: " + name + " failed for many tenants"
		data.Summary = "It works again, and has for " + data.Quiet + ". What waited has been resumed."
	} else {
		data.Subject = name + " fails for many tenants"
		data.Summary = "Nothing new is started, and what runs waits before the step that needs it. No retry budget is used up meanwhile."
		data.Runbook = i.Runbook()
		if i.Dependency == tenant.DependencyMail {
			data.Now = "This mail could leave, so the outage may be over by now, or only partial."
		}
	}
	return render("incident", data.Subject, data, data)
}

// LateIncident writes the mail about an outage of e-mail that has ended before
// anybody could be told of it. Another follows when it may still come back.
func LateIncident(i tenant.Incident, another bool) (Content, error) {
	name, known := dependencies[i.Dependency]
	if !known || i.ClosedAt.IsZero() {
		return Content{}, fmt.Errorf("late incident mail: the incident of %q goes on, or is not known", i.Dependency)
	}
	data := about(i)
	data.Another = another
	data.Subject = "Has ended: " + name + " failed for many tenants"
	data.Summary = "It has ended. No mail could tell you while it lasted; a backup provider (MAIL_BACKUP_HOST) or a webhook (NOTIFY_WEBHOOK) would have. What waited is being resumed."
	return render("incident", data.Subject, data, data)
}

func about(i tenant.Incident) incident {
	return incident{
		What: fmt.Sprintf("Incident %d: %s", i.ID, i.Dependency), Cause: oneLine(i.Cause), Since: moment(i.OpenedAt), Until: moment(i.ClosedAt),
		Quiet: fmt.Sprintf("%.0f minutes", tenant.IncidentQuiet.Minutes()), Affected: i.Affected, Reopened: i.Reopened, Over: !i.ClosedAt.IsZero(),
	}
}
