package output

import (
	"fmt"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Timeline is what happened in an incident.
type Timeline struct {
	Incident tenant.DeclaredID      `json:"incident"`
	Items    []tenant.TimelineEntry `json:"items"`
}

// Text is a table.
func (l Timeline) Text() string {
	rows := make([][]string, len(l.Items))
	for n, e := range l.Items {
		rows[n] = []string{moment(e.At), string(e.Source), e.Actor, said(e)}
	}
	return Grid([]string{"AT", "FROM", "WHO", "WHAT"}, rows)
}

// said is an entry with what the public was told.
func said(e tenant.TimelineEntry) string {
	if e.Public == "" {
		return e.Text
	}
	return e.Text + "; told in public: " + e.Public
}

// Postmortem is the account of an incident with its facts filled in: what is to be
// thought about is left to people.
type Postmortem struct {
	Incident DeclaredIncident       `json:"incident"`
	Timeline []tenant.TimelineEntry `json:"timeline"`
}

// Text is the account in Markdown.
func (p Postmortem) Text() string {
	i := p.Incident
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# Postmortem of %s: %s\n", i.ID, cell(i.Title))
	say("State: %s. Severity: %s. Disturbed: %s. Opened by %s.", i.State, i.Severity, orUnknown(joined(i.Components)), cell(i.OpenedBy))
	say("It lasted %s, from %s to %s. All times are UTC.\n", lasting(i.Lasted(i.now)), moment(i.DetectedAt), orUnknown(moment(i.ResolvedAt)))
	say("## Summary\n\n_What happened, for whom it mattered, and how it ended, in three sentences._\n")
	say("## The response by the clock\n\n| step | within | done | after detection |\n|---|---|---|---|")
	for _, c := range i.Clock {
		bound, after := "", "not done"
		if d := c.Step.Within(); d > 0 {
			bound = fmt.Sprintf("%d minutes", int(d.Minutes()))
		}
		if !c.DoneAt.IsZero() {
			after = lasting(c.DoneAt.Sub(i.DetectedAt))
		}
		if c.Late {
			after += ", **late**"
		}
		say("| %s | %s | %s | %s |", c.Step, bound, moment(c.DoneAt), after)
	}
	say("\n## Timeline\n\n| at | from | who | what |\n|---|---|---|---|")
	for _, e := range p.Timeline {
		say("| %s | %s | %s | %s |", moment(e.At), e.Source, cell(e.Actor), cell(said(e)))
	}
	for _, part := range []struct{ title, ask string }{
		{"Impact", "Whom did it touch, how many, how badly? What was lost, and what came late?"},
		{"Cause", "Why did it happen? And why could it? Ask until the answer is something that can be changed."},
		{"What went well", "What kept it from being worse?"},
		{"What did not", "Where was time lost: in noticing, assessing, mitigating, telling?"},
	} {
		say("\n## %s\n\n_%s_", part.title, part.ask)
	}
	say("\n## What is to be changed\n\n| what | who | ticket | until |\n|---|---|---|---|\n|  |  |  |  |")
	return b.String()
}

// cell is a text that stays in its cell of a table.
func cell(s string) string {
	return strings.ReplaceAll(Visible(strings.ReplaceAll(s, "\n", " ")), "|", `\|`)
}

func orUnknown(s string) string {
	if s == "" {
		return "not known yet"
	}
	return s
}
