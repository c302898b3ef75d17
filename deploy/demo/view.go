package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// columns are the steps by the words under which a viewer meets them.
var columns = []struct {
	step  tenant.Step
	title string
}{
	{tenant.StepCreateTenantRecord, "record"},
	{tenant.StepCreateSchema, "schema"},
	{tenant.StepRunMigrations, "tables"},
	{tenant.StepSeedRolesAndUser, "users"},
	{tenant.StepDeployContract, "contract"},
	{tenant.StepStoreContract, "address"},
	{tenant.StepMarkActive, "active"},
	{tenant.StepSendWelcomeEmail, "mail"},
}

const (
	margin      = "  "
	columnWidth = 9
	// shortName and longName bound the names: what is shorter is padded, what
	// is longer is cut, where the terminal leaves no more room.
	shortName = 20
	longName  = 48
)

// view draws the board; it is pure: the same board gives the same lines, none
// wider than the width. Colours are left out where they are not wanted.
type view struct {
	width  int
	colour bool
}

// nameRoom is the width for names that leaves room for the steps; where there
// is too little, the narrow form is drawn.
func (v view) nameRoom(lines []line) (room int, wide bool) {
	longest := shortName
	for _, l := range lines {
		longest = max(longest, uniseg.StringWidth(output.Visible(l.name)))
	}
	room = v.width - 2*len(margin) - len(columns)*columnWidth
	return min(room, longest, longName), room >= shortName
}

// render draws the board as lines without newlines.
func (v view) render(b board) []string {
	title := fmt.Sprintf("%sProvisioning %d tenants", margin, len(b.lines))
	if b.settled() {
		title = fmt.Sprintf("%sProvisioned %d tenants", margin, len(b.lines))
	}
	lines := []string{fit(title+fmt.Sprintf("  %.1f s", b.elapsed.Seconds()), v.width), ""}
	room, wide := v.nameRoom(b.lines)
	if !wide {
		for _, l := range b.lines {
			lines = append(lines, v.narrow(l, b.elapsed))
		}
		return lines
	}
	heading := margin + pad("", room) + margin
	for _, c := range columns {
		heading += pad(c.title, columnWidth)
	}
	lines = append(lines, v.paint(dim, strings.TrimRight(heading, " ")))
	for _, l := range b.lines {
		lines = append(lines, v.wide(l, room, b.elapsed))
	}
	return lines
}

func (v view) wide(l line, room int, elapsed time.Duration) string {
	text := margin + pad(fit(output.Visible(l.name), room), room) + margin
	if len(l.steps) == 0 && l.problem != "" {
		return text + v.paint(red, fit(output.Visible(l.problem), v.width-uniseg.StringWidth(text)))
	}
	for _, c := range columns {
		glyph, note, colour := mark(l, c.step, elapsed)
		cell := glyph
		if note != "" {
			cell += " " + note
		}
		cell = fit(cell, columnWidth-1)
		text += v.paint(colour, cell) + strings.Repeat(" ", columnWidth-uniseg.StringWidth(cell))
	}
	return strings.TrimRight(text, " ")
}

// narrow draws a tenant where there is no room for columns: one mark for each
// step, and the name of the current one.
func (v view) narrow(l line, elapsed time.Duration) string {
	marks := ""
	for _, c := range columns {
		glyph, _, colour := mark(l, c.step, elapsed)
		marks += v.paint(colour, glyph)
	}
	what := string(l.current().step)
	if l.problem != "" {
		what = l.problem
	} else if l.good() {
		what = string(l.status)
	}
	room := v.width - 2*len(margin) - len(columns)
	name := fit(output.Visible(l.name), room)
	text := margin + marks + margin + name
	if rest := room - uniseg.StringWidth(name) - len(margin); rest >= len("ACTIVE") && what != "" {
		text += margin + v.paint(dim, fit(output.Visible(what), rest))
	}
	return text
}

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

const spinnerStep = 100 * time.Millisecond

// mark is how a step looks: a sign, a few characters beside it, its colour.
func mark(l line, want tenant.Step, elapsed time.Duration) (glyph, note string, c colour) {
	var s step
	for _, have := range l.steps {
		if have.step == want {
			s = have
		}
	}
	switch s.status {
	case tenant.StepCompleted:
		return "✓", brief(s.duration), green
	case tenant.StepRolledBack:
		return "↺", "undone", yellow
	case tenant.StepSkipped:
		return "»", "skip", yellow
	case tenant.StepFailed:
		if l.settled() {
			return "✗", "", red
		}
	case tenant.StepInProgress:
	default:
		if l.settled() || l.state != tenant.StateRunning || l.current().step != want {
			return "·", "", dim
		}
	}
	if s.attempts > 1 {
		note = fmt.Sprintf("try %d", s.attempts)
	}
	return spinner[int(elapsed/spinnerStep)%len(spinner)], note, cyan
}

// brief writes a duration in at most six characters.
func brief(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Millisecond:
		return "<1ms"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return fmt.Sprintf("%.0fm", d.Minutes())
}

// pad fills a text with spaces to a width on the screen.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-uniseg.StringWidth(s)))
}

// fit cuts a text to a width on the screen, never through a character.
func fit(s string, width int) string {
	if uniseg.StringWidth(s) <= width {
		return s
	}
	if width < 1 {
		return ""
	}
	var b strings.Builder
	used := 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if used+g.Width() > width-1 {
			break
		}
		used += g.Width()
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}
