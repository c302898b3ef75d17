package tenant

import (
	"strings"
	"time"
	"unicode"
)

// AlertGroup is what Alertmanager sends together.
type AlertGroup struct {
	// Key names the group over all that is sent of it.
	Key    string
	Alerts []GroupAlert
}

// GroupAlert is an alert of a group: it fires, or has ended.
type GroupAlert struct {
	IncidentAlert

	// Severity is its label.
	Severity string
	Firing   bool
}

// AlertReceipt is what has become of a group.
type AlertReceipt struct {
	// Incident is the one that its alerts belong to; zero where there is none.
	Incident DeclaredID
	// Opened tells that it is new, and Began and Ended count the alerts of which that
	// was not known.
	Opened       bool
	Began, Ended int
}

// Clean makes of what a stranger sent what can be kept: lines of bounded length, and no
// time of the future.
func (a GroupAlert) Clean(now time.Time) GroupAlert {
	a.Name, a.Summary = line(a.Name, maxIncidentTitle), line(a.Summary, MaxReasonLength)
	if a.Name == "" {
		a.Name = "alert"
	}
	if a.StartsAt.IsZero() || a.StartsAt.After(now) {
		a.StartsAt = now
	}
	if a.Firing {
		a.EndsAt = time.Time{} // Alertmanager's guess
	} else if a.EndsAt.IsZero() || a.EndsAt.After(now) {
		a.EndsAt = now
	}
	return a
}

// line is a text on one line, of so many characters at most.
func line(s string, most int) string {
	s = strings.ToValidUTF8(s, "�")
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s))
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

// Incident is what an alert opens, where no incident of its group is open: detected when
// it began. It is told to nobody outside until a person says something for the public.
func (a GroupAlert) Incident(actor string, now time.Time) DeclaredIncident {
	severity := SeverityMajor
	if a.Severity == string(SeverityCritical) {
		severity = SeverityCritical
	}
	message := a.Summary
	if message == "" {
		message = "the alert fires"
	}
	return DeclaredIncident{
		Title: a.Name, Severity: severity, Components: []Component{}, OpenedBy: actor, OpenedAt: now, DetectedAt: a.StartsAt,
		Updates: []IncidentUpdate{{Kind: UpdateDeclared, At: now, Actor: actor, Message: message, Done: []ResponseStep{ResponseDetection}}},
	}
}
