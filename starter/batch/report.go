package batch

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tenant-provisioning/starter/output"
)

// Report is what the command line answers after a batch.
type Report struct {
	File string `json:"file"`
	// ResultFile is empty when there is none: the tenants came from standard
	// input, and nobody said where to put it.
	ResultFile string `json:"resultFile"`
	Total      int    `json:"total"`
	// Counts is the number of rows by state.
	Counts map[State]int `json:"counts"`
	// Interrupted tells that not all rows were reached, or not followed to
	// their end.
	Interrupted bool      `json:"interrupted"`
	Rows        []Outcome `json:"rows"`

	waited bool
}

// NewReport sums up the outcomes.
func NewReport(file string, results *ResultFile, outcomes []Outcome, waited, interrupted bool) Report {
	r := Report{
		File: file, ResultFile: results.Path, Total: len(outcomes), Counts: map[State]int{},
		Interrupted: interrupted, Rows: outcomes, waited: waited,
	}
	for _, o := range outcomes {
		r.Counts[o.State]++
	}
	return r
}

// NotGood lists the rows that somebody has to look at.
func (r Report) NotGood() []Outcome {
	var rows []Outcome
	for _, o := range r.Rows {
		if !o.Good(r.waited) {
			rows = append(rows, o)
		}
	}
	return rows
}

// maxListed keeps the answer on one screen; the result file has every row.
const maxListed = 20

// Text is the tenants of a short file, or what somebody has to look at in a
// long one, and where the rest is.
func (r Report) Text() string {
	listed := r.Rows
	if len(listed) > maxListed {
		listed = r.NotGood()
	}
	cut := max(0, len(listed)-maxListed)
	var rows [][]string
	for _, o := range listed[:len(listed)-cut] {
		seconds := ""
		if o.Seconds > 0 {
			seconds = strconv.FormatFloat(o.Seconds, 'f', 2, 64)
		}
		rows = append(rows, []string{strconv.Itoa(o.Line), o.Name, string(o.State), o.Schema, o.ContractID, seconds, o.Error})
	}
	var b strings.Builder
	if len(rows) > 0 {
		b.WriteString(output.Grid([]string{"LINE", "NAME", "STATE", "SCHEMA", "CONTRACT", "SECONDS", "ERROR"}, rows))
	}
	if cut > 0 {
		fmt.Fprintf(&b, "… and %d more\n", cut)
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%d tenants: %s\n", r.Total, r.counts())
	if r.ResultFile == "" {
		b.WriteString("To see every row with its ids, add --results PATH or --output json.\n")
	} else {
		fmt.Fprintf(&b, "Every row, with its ids: %s\n", r.ResultFile)
	}
	return b.String()
}

func (r Report) counts() string {
	states := make([]State, 0, len(r.Counts))
	for s := range r.Counts {
		states = append(states, s)
	}
	slices.SortFunc(states, func(a, b State) int {
		return cmp.Or(cmp.Compare(r.Counts[b], r.Counts[a]), cmp.Compare(a, b))
	})
	parts := make([]string, len(states))
	for i, s := range states {
		parts[i] = fmt.Sprintf("%d %s", r.Counts[s], s)
	}
	return strings.Join(parts, ", ")
}
