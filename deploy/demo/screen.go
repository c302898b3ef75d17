package main

import (
	"fmt"
	"io"
	"strings"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// screen shows the board as it changes.
type screen interface {
	show(b board)
}

// redrawn draws the board over itself, on a terminal.
type redrawn struct {
	w     io.Writer
	width func() int
	view  view
	drawn int
}

func (r *redrawn) show(b board) {
	r.view.width = r.width()
	lines := r.view.render(b)
	var frame strings.Builder
	if r.drawn > 0 {
		fmt.Fprintf(&frame, "\x1b[%dA", r.drawn)
	}
	for _, l := range lines {
		frame.WriteString("\r\x1b[2K" + l + "\n")
	}
	r.drawn = len(lines)
	// A terminal that is gone ends the demo by a signal; there is nobody to tell.
	_, _ = io.WriteString(r.w, frame.String())
}

// plain writes a line for each step that has changed, where nothing can be
// drawn over.
type plain struct {
	w     io.Writer
	shown map[string]bool
}

func newPlain(w io.Writer) *plain { return &plain{w: w, shown: map[string]bool{}} }

func (p *plain) show(b board) {
	for _, l := range b.lines {
		for _, text := range events(l) {
			key := l.name + "\x00" + text
			if !p.shown[key] {
				p.shown[key] = true
				fmt.Fprintf(p.w, "%6.1f s  %s: %s\n", b.elapsed.Seconds(), output.Visible(l.name), text)
			}
		}
	}
}

// events are what has happened to a tenant so far, each once.
func events(l line) []string {
	var happened []string
	for _, s := range l.steps {
		switch s.status {
		case tenant.StepCompleted:
			took := ""
			if t := brief(s.duration); t != "" {
				took = " in " + t
			}
			happened = append(happened, string(s.step)+" completed"+took)
		case tenant.StepFailed:
			happened = append(happened, fmt.Sprintf("%s failed (attempt %d): %s", s.step, s.attempts, output.Visible(s.err)))
		case tenant.StepRolledBack:
			happened = append(happened, string(s.step)+" undone")
		case tenant.StepSkipped:
			happened = append(happened, string(s.step)+" skipped")
		case tenant.StepInProgress:
			happened = append(happened, string(s.step)+" began")
		}
	}
	switch {
	case l.problem != "":
		happened = append(happened, output.Visible(l.problem))
	case l.settled():
		happened = append(happened, string(l.status))
	}
	return happened
}
