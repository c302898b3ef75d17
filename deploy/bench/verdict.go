package main

import (
	"fmt"
	"slices"
	"strings"
)

// Spread is a figure, as the rounds of one run have it.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spread(rounds []float64) Spread {
	slices.Sort(rounds)
	n := len(rounds)
	return Spread{Median: round((rounds[(n-1)/2] + rounds[n/2]) / 2), Min: round(rounds[0]), Max: round(rounds[n-1])}
}

// margin is how far from one a ratio must be to count: rounds that differ by less may
// agree by chance.
const margin = 0.05

// less and more are what all rounds agree on, of ratios.
func (r Spread) less() bool { return r.Max < 1 && r.Median <= 1-margin }
func (r Spread) more() bool { return r.Min > 1 && r.Median >= 1+margin }

func (r Spread) String() string { return fmt.Sprintf("%.2f (%.2f to %.2f)", r.Median, r.Min, r.Max) }

// comparisons compares what was sampled, rate by rate.
func (m *measuring) comparisons() []Comparison {
	if m.rounds == 0 {
		return nil
	}
	var all []Comparison
	for _, rate := range m.rates {
		with, without := m.samples[point{rate, true}], m.samples[point{rate, false}]
		c := Comparison{Rate: rate, With: summary(with, m.idle), Without: summary(without, m.idle)}
		var used, late []float64
		for i := range with {
			a, b := summary(with[i:i+1], m.idle), summary(without[i:i+1], m.idle)
			used, late = append(used, a.All/b.All), append(late, a.P99/b.P99)
		}
		c.CPU, c.P99 = spread(used), spread(late)
		c.Says = c.says()
		all = append(all, c)
	}
	return all
}

// says is the comparison in words.
func (c Comparison) says() string {
	said := fmt.Sprintf("At %d/s a request takes %.2f ms of CPU with the cache and %.2f ms without, %s; p99 is %.1f ms against %.1f ms, %s. The cache %s.",
		c.Rate, c.With.All, c.Without.All, c.CPU, c.With.P99, c.Without.P99, c.P99, c.finding())
	for _, way := range []struct {
		name string
		load Load
	}{{"With", c.With}, {"Without", c.Without}} {
		if !way.load.follows(c.Rate) {
			said += fmt.Sprintf(" %s the cache this machine does not keep up: %.0f/s are answered, with %d errors.", way.name, way.load.Achieved, way.load.Errors)
		}
	}
	return said
}

// follows reports whether what arrived was answered as fast as it came.
func (l Load) follows(rate int) bool { return l.Errors == 0 && l.Achieved >= 0.95*float64(rate) }

// finding is what a comparison tells of the cache.
type finding string

const (
	// pays: CPU or p99 is less in every round, and the other is not more in every one.
	pays finding = "pays"
	// costs is the other way round.
	costs finding = "costs more than it saves"
	// trades: one is less in every round, and the other more.
	trades finding = "trades CPU for latency, or latency for CPU"
	// undecided: no difference that all rounds agree on.
	undecided finding = "makes no difference that all rounds agree on"
)

func (c Comparison) finding() finding {
	less, more := c.CPU.less() || c.P99.less(), c.CPU.more() || c.P99.more()
	switch {
	case less && more:
		return trades
	case less:
		return pays
	case more:
		return costs
	}
	return undecided
}

// verdict says whether the cache pays, and from which rate on.
func verdict(all []Comparison) string {
	from := len(all) // the first of those, to the last, at which it pays
	for from > 0 && all[from-1].finding() == pays {
		from--
	}
	var said []string
	switch {
	case len(all) == 0:
		return "Nothing was compared."
	case from == len(all):
		said = append(said, "No rate was found from which on the cache pays on this machine.")
	case from == 0:
		said = append(said, fmt.Sprintf("On this machine the cache pays at every measured rate, from %d/s on.", all[0].Rate))
	default:
		said = append(said, fmt.Sprintf("On this machine the cache pays from %d/s on.", all[from].Rate))
	}
	for _, f := range []finding{pays, costs, trades, undecided} {
		var rates []string
		for _, c := range all {
			if c.finding() == f {
				rates = append(rates, fmt.Sprintf("%d/s", c.Rate))
			}
		}
		if len(rates) > 0 {
			said = append(said, fmt.Sprintf("It %s at %s.", f, strings.Join(rates, ", ")))
		}
	}
	return strings.Join(said, " ")
}
