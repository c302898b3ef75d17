package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"tenant-provisioning/internal/tenant"
)

// MaintenanceData is what a mail about a maintenance window tells its reader.
type MaintenanceData struct {
	// About is what has become of it, and Window the window. Required.
	About  tenant.WindowAnnouncement
	Window tenant.Window
	// PlatformName is who writes. Empty: "the platform".
	PlatformName string
	// TenantName is the organisation of an administrator; empty for staff. FirstName may
	// be empty.
	TenantName, FirstName string
	// SupportAddress is where a person answers; it may be empty.
	SupportAddress string
}

// maintenance is what the templates see.
type maintenance struct {
	Subject, Heading, FirstName, Tenant, Platform, Support string
	// Lead is the sentence before the times, Starts and Ends are these, and Lasts how
	// long it is in words.
	Lead, Starts, Ends, Lasts string
	// Title and Message are what was written for the public; of a regular window there
	// is no message.
	Title, Message string
	Means          []string
	// Staff tells who reads it; Left is what has not come to an end.
	Staff              bool
	Left, ID, Command  string
	Cancelled, Overrun bool
}

// maintenanceTexts are the beginnings of the mails.
var maintenanceTexts = map[tenant.WindowAnnouncement]struct{ subject, heading, lead string }{
	tenant.AnnouncePlanned:   {"Planned maintenance of %s: %s", "Planned maintenance", "There will be maintenance of %s at the time below."},
	tenant.AnnounceMoved:     {"Maintenance of %s has moved: %s", "The maintenance has moved", "The maintenance of %s that you were told of takes place at another time. This is the new one."},
	tenant.AnnounceCancelled: {"No maintenance of %s: %s", "The maintenance is cancelled", "The maintenance of %s that you were told of does not take place. It would have been at this time."},
	tenant.AnnounceOverrun:   {"Maintenance of %s goes on longer: %s", "The maintenance goes on longer", "The maintenance of %s has not come to its end in time. This is the new announcement, which the status page shows."},
}

// Maintenance writes the mail about a maintenance window.
func Maintenance(data MaintenanceData) (Content, error) {
	texts, known := maintenanceTexts[data.About]
	w := data.Window
	platform := cmp.Or(oneLine(data.PlatformName), "the platform")
	if !known || w.StartsAt.IsZero() || !w.EndsAt.After(w.StartsAt) {
		return Content{}, fmt.Errorf("mail about maintenance: %q of a window from %s to %s cannot be told", data.About, w.StartsAt, w.EndsAt)
	}
	support := Address{Addr: data.SupportAddress}
	if data.SupportAddress != "" {
		var err error
		if support, err = support.onWire(); err != nil {
			return Content{}, fmt.Errorf("mail about maintenance: the support address: %w", err)
		}
	}
	html := maintenance{
		Subject: fmt.Sprintf(texts.subject, isolated(platform), w.StartsAt.UTC().Format("2 January 2006")), Heading: texts.heading,
		FirstName: unlinked(oneLine(data.FirstName)), Tenant: unlinked(oneLine(data.TenantName)), Platform: unlinked(platform), Support: support.Addr,
		Starts: moment(w.StartsAt), Ends: ending(w.StartsAt, w.EndsAt), Lasts: inWords(w.EndsAt.Sub(w.StartsAt)),
		Title: unlinked(oneLine(w.Title)), Message: unlinked(oneLine(w.Message)),
		Staff: data.TenantName == "", Left: oneLine(w.Note), ID: string(w.ID),
		Cancelled: data.About == tenant.AnnounceCancelled, Overrun: data.About == tenant.AnnounceOverrun,
	}
	html.Command = html.command()
	html.Means = html.means(w.Mode)
	text := html
	text.FirstName, text.Tenant, text.Platform = isolated(html.FirstName), isolated(html.Tenant), isolated(html.Platform)
	html.Lead, text.Lead = fmt.Sprintf(texts.lead, html.Platform), fmt.Sprintf(texts.lead, text.Platform)
	return render("maintenance", html.Subject, text, html)
}

// command is what staff may want to press.
func (m maintenance) command() string {
	if m.Cancelled {
		return "starter maintenance list"
	}
	if m.Overrun {
		return "starter maintenance end " + m.ID + " --reason TEXT"
	}
	return "starter maintenance skip " + m.ID + " --reason TEXT"
}

// means says what a reader will notice.
func (m maintenance) means(mode tenant.WindowMode) []string {
	switch {
	case m.Cancelled:
		return []string{"You have to do nothing. Everything works as on any other day."}
	case m.Staff && mode == tenant.WindowReadOnly:
		return []string{"Changes by the API are refused with 503 until it ends, but what operators need is not. Operations that were accepted wait, and go on by themselves."}
	case m.Staff:
		return []string{"Callers work on as usual."}
	case mode == tenant.WindowReadOnly:
		return []string{
			"You and your users sign in and work as usual.",
			"Changes to your space as a whole, such as setting one up or taking it back from an archive, wait until the maintenance is over.",
			"You have to do nothing. What waits goes on by itself.",
		}
	}
	return []string{"You and your users sign in and work as usual. Single requests may take longer.", "You have to do nothing."}
}

// ending is when it ends: on the day on which it starts, the time alone.
func ending(starts, ends time.Time) string {
	if day := time.DateOnly; starts.UTC().Format(day) == ends.UTC().Format(day) {
		return ends.UTC().Format("15:04 UTC")
	}
	return moment(ends)
}

// inWords is a duration as people say it.
func inWords(d time.Duration) string {
	hours, minutes := int(d.Hours()), int(d.Minutes())%60
	switch {
	case hours == 0:
		return count(minutes, "minute")
	case minutes == 0:
		return count(hours, "hour")
	}
	return count(hours, "hour") + " and " + count(minutes, "minute")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// SendWindowNotice sends a mail about a maintenance window. After a doubt the provider is
// asked for it first, as SendNotice does. Its errors are *tenant.StepError; with one, the
// first result tells that the mail may have left.
func (p *Postman) SendWindowNotice(ctx context.Context, n tenant.WindowNotice) (doubtful bool, err error) {
	content, err := Maintenance(MaintenanceData{
		About: n.About, Window: n.Window, PlatformName: p.config.From.Name, TenantName: n.Tenant, FirstName: n.Name,
		SupportAddress: answering(p.config.From.Addr),
	})
	if err != nil {
		return false, &tenant.StepError{Class: tenant.ClassPermanent, Permanent: true, Reason: "the mail cannot be written; the worker's log has the cause", Err: err}
	}
	doubtful, err = p.sendOnce(ctx, n.Doubtful, n.Age, Message{ID: n.ID, From: p.config.From, To: Address{Name: oneLine(n.Name), Addr: n.To}, Content: content})
	if err == nil {
		return false, nil
	}
	failed := AsStepError("", err)
	if step, ok := errors.AsType[*tenant.StepError](failed); ok && doubtful {
		step.RetryAfter = max(step.RetryAfter, pendingDelay)
	}
	return doubtful, failed
}
