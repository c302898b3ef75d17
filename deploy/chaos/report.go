package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// report is what came of a run.
type report struct {
	seed             uint64
	rounds, perRound int
	began            time.Time
	kills            map[string]int // by what was killed
	states           map[string]int // of operations
	left             []string
}

func (r *report) count(t found) {
	if r.states == nil {
		r.states = map[string]int{}
	}
	r.states[t.State]++
}

func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "killed with -9\ttimes\n")
	total := 0
	for _, name := range slices.Sorted(maps.Keys(r.kills)) {
		fmt.Fprintf(w, "%s\t%d\n", name, r.kills[name])
		total += r.kills[name]
	}
	fmt.Fprintf(w, "all\t%d\n\noperations\t\n", total)
	for _, state := range slices.Sorted(maps.Keys(r.states)) {
		fmt.Fprintf(w, "%s\t%d\n", state, r.states[state])
	}
	fmt.Fprintf(w, "\nleft over or missing\t%d\n", len(r.left))
	_ = w.Flush() // standard output: nobody could be told
	for _, line := range r.left {
		fmt.Fprintln(out, "  "+line)
	}
	fmt.Fprintf(out, "SEED=%d ROUNDS=%d N=%d, %s\n", r.seed, r.rounds, r.perRound, time.Since(r.began).Round(time.Second))
}
