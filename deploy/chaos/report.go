package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
)

// report is what came of a run.
type report struct {
	seed     uint64
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
	kills := map[string]int{}
	for _, round := range r.plan {
		kills[round.victim]++
	}
	table(w, "killed with -9\ttimes", kills)
	r.printFates(w)
	table(w, "asked, twice each\ttimes", r.answers())
	table(w, "findings\tclosed by the reconciler", r.findings)
	fmt.Fprintf(w, "left over or missing\t%d\n", len(r.left))
	_ = w.Flush() // standard output: nobody could be told
	for _, line := range r.left {
		fmt.Fprintln(out, "  "+line)
	}
	fmt.Fprintf(out, "SEED=%d ROUNDS=%d N=%d: %s, %s of it looking after the last operation had ended\n",
		r.seed, len(r.plan), len(r.plan[0].fates), time.Since(r.began).Round(time.Second), r.took.Round(time.Second))
}

// printFates prints, for each fate, how the tenants have ended.
func (r *report) printFates(w io.Writer) {
	status := map[string]found{}
	for _, t := range r.tenants {
		status[t.ID] = t
	}
	type ends struct{ all, active, withoutMail, failed, anew int }
	met := map[event]ends{}
	for _, s := range r.stories {
		for _, e := range []event{s.fate.event, "all"} {
			n, t := met[e], status[s.tenant]
			n.all++
			switch t.Status {
			case "ACTIVE":
				n.active++
			case "FAILED":
				n.failed++
			}
			n.withoutMail += t.Passed
			if len(s.operations) > 1 {
				n.anew++
			}
			met[e] = n
		}
	}
	fmt.Fprintf(w, "fate\ttenants\tACTIVE\tof these without mail\tprovisioned anew\tFAILED\n")
	for _, e := range slices.Sorted(maps.Keys(met)) {
		n := met[e]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", e, n.all, n.active, n.withoutMail, n.anew, n.failed)
	}
	fmt.Fprintln(w)
}

// answers counts what was asked, by its answer.
func (r *report) answers() map[string]int {
	n := map[string]int{}
	for _, s := range r.stories {
		for _, a := range s.asked {
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
	return n
}

func table(w io.Writer, head string, rows map[string]int) {
	fmt.Fprintln(w, head)
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(w, "%s\t%d\n", name, rows[name])
	}
	fmt.Fprintln(w)
}

// counts reads rows of a name and a number.
func counts(rows pgx.Rows) (map[string]int, error) {
	all := map[string]int{}
	var name string
	var n int
	_, err := pgx.ForEachRow(rows, []any{&name, &n}, func() error { all[name] = n; return nil })
	return all, err
}
