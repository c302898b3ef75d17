package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// table writes the comparison for people; the document has all of it.
func (b Beside) table(to io.Writer) {
	t := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	row(t, "in flight", "way", "tenants/s", "of raw", "of dbos", "p50 ms", "p99 ms", "server", "worker", "api", "PostgreSQL", "all", "RSS MiB", "exact")
	for _, w := range b.Ways {
		row(t, fmt.Sprint(w.Concurrency), w.Name, w.PerSecond.String(), w.of(byRaw), w.of("dbos"), whole(w.P50), whole(w.P99),
			w.cpu("temporal"), w.cpu(w.worker()), w.cpu("api"), w.cpu("postgres"), w.cpu(slices.Collect(maps.Keys(w.CPU))...), w.resident(),
			fmt.Sprint(w.Each.Active))
	}
	fmt.Fprintf(t, "Medians of %d rounds, and the least and the most in parentheses. server to all: milliseconds of CPU per tenant; all has the ledger, the mail catcher and the benchmark too.\n", b.Rounds)
	_ = t.Flush() // the terminal may be gone
}

func row(to io.Writer, cells ...string) { fmt.Fprintln(to, strings.Join(cells, "\t")) }

func whole(s Spread) string { return fmt.Sprintf("%.0f", s.Median) }

// worker is the process that does the steps.
func (w Way) worker() string {
	switch w.Name {
	case byRaw:
		return "bench"
	case byProduct:
		return "worker"
	}
	return peerProgram(w.Name)
}

// cpu adds up what some processes have used.
func (w Way) cpu(processes ...string) string {
	var sum float64
	for _, name := range processes {
		sum += w.CPU[name].Median
	}
	return fmt.Sprintf("%.1f", sum)
}

func (w Way) of(other string) string {
	if s, ok := w.Of[other]; ok {
		return s.String()
	}
	return "-"
}

func (w Way) resident() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(w.Memory)) {
		all = append(all, fmt.Sprintf("%s %.0f", name, w.Memory[name].Resident))
	}
	if all == nil {
		return "-"
	}
	return strings.Join(all, ", ")
}
