package progress

import (
	"fmt"
	"io"
	"strconv"

	"tenant-provisioning/starter/batch"
	"tenant-provisioning/starter/output"
)

// Lines writes a line for each row.
type Lines struct {
	w           io.Writer
	total, done int
}

// NewLines makes lines for a number of rows.
func NewLines(w io.Writer, total int) *Lines { return &Lines{w: w, total: total} }

// Row writes the row's line.
func (l *Lines) Row(o batch.Outcome) {
	l.done++
	width := len(strconv.Itoa(l.total))
	fmt.Fprintf(l.w, "[%*d/%d] %s\n", width, l.done, l.total, describe(o))
}

// Notice writes a line.
func (l *Lines) Notice(text string) { fmt.Fprintln(l.w, text) }

// Done has nothing to tidy up.
func (*Lines) Done() {}

func describe(o batch.Outcome) string {
	text := fmt.Sprintf("%s  %s", o.State, output.Visible(o.Name))
	if o.Seconds > 0 {
		text += fmt.Sprintf("  %.2f s", o.Seconds)
	}
	if o.Error != "" {
		text += fmt.Sprintf("  (line %d: %s)", o.Line, output.Visible(o.Error))
	}
	return text
}
