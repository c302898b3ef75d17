package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tenant-provisioning/internal/tenant"
)

// report is what came of a run.
type report struct {
	options  options
	plan     plan
	began    time.Time
	stories  []*story
	tenants  []found
	findings map[string]int
	took     time.Duration // from the end of the last operation until everything fitted together, or should have
	left     []string
}

func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	kills, ledger := map[string]int{}, map[string]int{}
	for _, round := range r.plan {
		kills[round.victim]++
		ledger[string(round.fault)]++
	}
	table(w, "killed with -9\ttimes", kills)
	table(w, "the ledger\trounds", ledger)
	ended := r.operations()
	r.printEnds(w, "kind", ended, func(d *deed) string { return string(d.kind) })
	r.printEnds(w, "fate", ended, func(d *deed) string { return string(d.fate.event) })
	table(w, "asked, twice each\ttimes", r.answers())
	table(w, "findings\tclosed by the reconciler", r.findings)
	table(w, "tenants in the end\tnumber", r.statuses())
	_ = w.Flush() // standard output: nobody could be told
	r.printLives(out, ended)
	fmt.Fprintf(out, "\nleft over or missing: %d\n", len(r.left))
	for _, line := range r.left {
		fmt.Fprintln(out, "  "+line)
	}
	fmt.Fprintf(out, "SEED=%d ROUNDS=%d N=%d: %s, %s of it looking after the last operation had ended\n",
		r.options.seed, r.options.rounds, r.options.tenants, time.Since(r.began).Round(time.Second), r.took.Round(time.Second))
}

// operations are all that there are, by id.
func (r *report) operations() map[string]past {
	all := map[string]past{}
	for _, t := range r.tenants {
		for _, o := range t.operations {
			all[string(o.ID)] = o
		}
	}
	return all
}

// statuses counts the tenants by their status.
func (r *report) statuses() map[string]int {
	n := map[string]int{}
	for _, t := range r.tenants {
		n[string(t.Status)]++
	}
	return n
}

// printEnds prints how the operations have ended, by something of theirs.
func (r *report) printEnds(w io.Writer, head string, ended map[string]past, by func(*deed) string) {
	type ends struct{ all, succeeded, skipped, rolledBack, left int }
	met := map[string]ends{}
	for _, s := range r.stories {
		for _, d := range s.deeds {
			for _, key := range []string{by(d), "all"} {
				n, o := met[key], ended[d.id]
				n.all++
				switch {
				case o.State == tenant.StateRolledBack:
					n.rolledBack++
				case o.State == tenant.StateSucceeded:
					n.succeeded++
					if o.givenUp > 0 {
						n.skipped++
					}
				}
				if d.left {
					n.left++
				}
				met[key] = n
			}
		}
	}
	fmt.Fprintf(w, "%s\toperations\tSUCCEEDED\tof these with a step skipped\tgave way to the next one\tROLLED_BACK\n", head)
	for _, key := range slices.Sorted(maps.Keys(met)) {
		n := met[key]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", key, n.all, n.succeeded, n.skipped, n.left, n.rolledBack)
	}
	fmt.Fprintln(w)
}

// printLives prints what each tenant went through, in a line.
func (r *report) printLives(out io.Writer, ended map[string]past) {
	status := map[string]tenant.Status{}
	for _, t := range r.tenants {
		status[t.ID] = t.Status
	}
	fmt.Fprintln(out, "lives (↶ rolled back, ○ with a step skipped)")
	for _, s := range r.stories {
		var kinds []string
		for _, d := range s.deeds {
			kind := string(d.kind)
			if o := ended[d.id]; o.State == tenant.StateRolledBack {
				kind += " ↶"
			} else if o.givenUp > 0 {
				kind += " ○"
			}
			kinds = append(kinds, kind)
		}
		fmt.Fprintf(out, "  %s: %s: %s\n", s.name, strings.Join(kinds, ", "), status[s.tenant])
	}
}

// answers counts what was asked, by its answer.
func (r *report) answers() map[string]int {
	n := map[string]int{}
	for _, s := range r.stories {
		for _, d := range s.deeds {
			for _, a := range d.asked {
				switch {
				case a.late:
					n[string(a.action)+", taken, and refused when its run was back"]++
				case a.answers == taken:
					n[string(a.action)+", accepted"]++
				default:
					n[string(a.action)+", refused"]++
				}
			}
		}
	}
	return n
}

func table(w io.Writer, head string, rows map[string]int) {
	fmt.Fprintln(w, head)
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(w, "%s\t%d\n", name, rows[name])
	}
	fmt.Fprintln(w)
}
