package progress

import (
	"fmt"
	"io"

	"github.com/schollz/progressbar/v3"

	"tenant-provisioning/internal/tenant"
)

// FleetBar draws how far a run on all tenants is.
type FleetBar struct {
	w    io.Writer
	bar  *progressbar.ProgressBar
	note string
}

// NewFleetBar makes a bar. It has its length as soon as the run is planned.
func NewFleetBar(w io.Writer) *FleetBar {
	return &FleetBar{w: w, bar: progressbar.NewOptions(1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetWidth(barWidth),
		progressbar.OptionThrottle(barRefresh),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("tenants"),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionSetDescription("planning"),
	)}
}

// Show moves the bar. What the run waits for is too long to stand beside it: it gets a
// line above, once. Why a run has stopped is what the command says at its end.
func (b *FleetBar) Show(r tenant.FleetRun) {
	if r.State == tenant.FleetRunning && r.Note != b.note {
		if b.note = r.Note; b.note != "" {
			_, _ = progressbar.Bprintln(b.bar, "it "+b.note)
		}
	}
	if r.Counts.Total() == 0 {
		return
	}
	b.bar.ChangeMax(r.Counts.Total())
	b.bar.Describe(waveOf(r))
	_ = b.bar.Set(r.Counts.Total() - r.Counts.Pending)
}

// Done leaves the bar where it is and goes on to the next line.
func (b *FleetBar) Done() {
	_ = b.bar.Exit()
	fmt.Fprintln(b.w)
}

// FleetLines writes a line for each wave, where no bar can be drawn.
type FleetLines struct {
	w    io.Writer
	last string
}

// NewFleetLines makes them.
func NewFleetLines(w io.Writer) *FleetLines { return &FleetLines{w: w} }

// Show writes a line when something has changed but the count.
func (l *FleetLines) Show(r tenant.FleetRun) {
	if line := describeFleet(r); r.Counts.Total() > 0 && line != l.last {
		l.last = line
		fmt.Fprintf(l.w, "%s: %d of %d\n", line, r.Counts.Done, r.Counts.Total())
	}
}

// Done does nothing: the last line is whole.
func (l *FleetLines) Done() {}

func describeFleet(r tenant.FleetRun) string {
	text := waveOf(r)
	if r.Note != "" {
		text += ", " + r.Note
	}
	return text
}

func waveOf(r tenant.FleetRun) string {
	text := fmt.Sprintf("wave %d of %d", r.Wave+1, r.Waves)
	if r.Wave == 0 && r.Settings.Canary > 0 {
		text = "canary"
	}
	if r.Counts.Failed > 0 {
		text += fmt.Sprintf(", %d failed", r.Counts.Failed)
	}
	return text
}
