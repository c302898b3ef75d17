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
	nameWidth   = 30
	columnWidth = 9
	// wideEnough is what the table of names and steps needs.
	wideEnough = 2 + nameWidth + 8*columnWidth
)

// view draws the board; it is pure: the same board gives the same lines, none
// longer than the width. Colours are left out where they are not wanted.
type view struct {
	width  int
	colour bool
}

// render draws the board as lines without newlines.
func (v view) render(b board) []string {
	title := fmt.Sprintf("  Provisioning %d tenants", len(b.lines))
	if b.settled() {
		title = fmt.Sprintf("  Provisioned %d tenants", len(b.lines))
	}
	lines := []string{title + fmt.Sprintf("  %.1f s", b.elapsed.Seconds()), ""}
	if v.width < wideEnough {
		for _, l := range b.lines {
			lines = append(lines, v.narrow(l, b.elapsed))
		}
		return lines
	}
	heading := "  " + pad("", nameWidth)
	for _, c := range columns {
		heading += pad(c.title, columnWidth)
	}
	lines = append(lines, v.paint(dim, strings.TrimRight(heading, " ")))
	for _, l := range b.lines {
		lines = append(lines, v.wide(l, b.elapsed))
	}
	return lines
}

func (v view) wide(l line, elapsed time.Duration) string {
	text := "  " + pad(fit(output.Visible(l.name), nameWidth-2), nameWidth)
	if len(l.steps) == 0 && l.problem != "" {
		return text + v.paint(red, fit(l.problem, v.width-nameWidth-2))
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
	room := max(4, v.width-2-len(columns)-2)
	name := fit(output.Visible(l.name), min(nameWidth-2, room))
	text := "  " + marks + "  " + name
	what := string(l.current().step)
	if l.problem != "" {
		what = l.problem
	} else if l.good() {
		what = string(l.status)
	}
	if rest := room - uniseg.StringWidth(name) - 2; rest > 3 && what != "" {
		text += "  " + v.paint(dim, fit(what, rest))
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
		return "»", "skipped", yellow
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
