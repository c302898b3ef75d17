package output

import (
	"fmt"
	"strings"
	"time"

	"tenant-provisioning/internal/doctor"
)

// Examination is what the doctor has found.
type Examination struct {
	Checks   []Checked `json:"checks"`
	OK       int       `json:"ok"`
	Warnings int       `json:"warnings"`
	Failures int       `json:"failures"`
}

// Checked is one line.
type Checked struct {
	Subject string       `json:"subject"`
	Check   string       `json:"check"`
	State   doctor.State `json:"state"`
	// Says is what was found and what that means; Mend, what to do.
	Says string `json:"says"`
	Mend string `json:"mend,omitempty"`
	// Milliseconds is how long the check took.
	Milliseconds int64 `json:"milliseconds"`
}

// NewExamination makes the document.
func NewExamination(lines []doctor.Line) Examination {
	e := Examination{Checks: make([]Checked, len(lines))}
	for i, l := range lines {
		e.Checks[i] = Checked{
			Subject: l.Subject, Check: l.Check, State: l.State, Says: l.Says, Mend: l.Mend,
			Milliseconds: l.Took.Round(time.Millisecond).Milliseconds(),
		}
		switch l.State {
		case doctor.OK:
			e.OK++
		case doctor.Warning:
			e.Warnings++
		case doctor.Failure:
			e.Failures++
		}
	}
	return e
}

// Text is a block for each subject: a line for each check, and below it what to do
// where there is something.
func (e Examination) Text() string {
	var b strings.Builder
	subject := ""
	for _, c := range e.Checks {
		if c.Subject != subject {
			if subject != "" {
				b.WriteString("\n")
			}
			subject = c.Subject
			b.WriteString(subject + "\n")
		}
		fmt.Fprintf(&b, "  %-7s  %-13s  %s\n", c.State, c.Check, Visible(c.Says))
		if c.Mend != "" {
			b.WriteString("           mend: " + Visible(c.Mend) + "\n")
		}
	}
	return b.String() + "\n" + e.Summary() + "\n"
}

// Summary is one line.
func (e Examination) Summary() string {
	return fmt.Sprintf("%d ok, %s, %s", e.OK, counted(e.Warnings, "warning"), counted(e.Failures, "failure"))
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
