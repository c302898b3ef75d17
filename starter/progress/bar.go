package progress

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"tenant-provisioning/starter/batch"
)

const (
	barWidth   = 30
	barRefresh = 65 * time.Millisecond
)

// Bar draws a bar; rows that somebody should look at get a line above it.
type Bar struct {
	w            io.Writer
	bar          *progressbar.ProgressBar
	active, rest int
	waited       bool
}

// NewBar makes a bar for a number of rows. waited tells that rows are followed
// to their end.
func NewBar(w io.Writer, total int, waited bool) *Bar {
	b := &Bar{w: w, waited: waited}
	b.bar = progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetWidth(barWidth),
		progressbar.OptionThrottle(barRefresh),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("tenants"),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionSetDescription(b.description()),
	)
	return b
}

// Row moves the bar. What cannot be drawn is not worth ending a batch for.
func (b *Bar) Row(o batch.Outcome) {
	if o.Good(b.waited) {
		b.active++
	} else {
		b.rest++
		b.Notice(describe(o))
	}
	b.bar.Describe(b.description())
	_ = b.bar.Add(1)
}

// Notice writes a line above the bar.
func (b *Bar) Notice(text string) { _, _ = progressbar.Bprintln(b.bar, text) }

// Done leaves the bar where it is and goes on to the next line.
func (b *Bar) Done() {
	_ = b.bar.Exit()
	fmt.Fprintln(b.w)
}

func (b *Bar) description() string {
	word := "accepted"
	if b.waited {
		word = "ACTIVE"
	}
	if b.rest == 0 {
		return fmt.Sprintf("%d %s", b.active, word)
	}
	return fmt.Sprintf("%d %s, %d to look at", b.active, word, b.rest)
}
