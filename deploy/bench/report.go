package main

import (
	"math"
	"slices"
	"time"
)

// Report is what bench prints.
type Report struct {
	Tenants        int        `json:"tenants"`
	LedgerInterval string     `json:"ledgerInterval"`
	Channels       string     `json:"channels,omitempty"`
	Cores          int        `json:"cores"`
	GoVersion      string     `json:"goVersion"`
	StartedAt      time.Time  `json:"startedAt"`
	Runs           []Run      `json:"runs,omitempty"`
	Life           []Life     `json:"life,omitempty"`
	API            *API       `json:"api,omitempty"`
	Sizes          *Sizes     `json:"sizes,omitempty"`
	Tuning         *Tuning    `json:"tuning,omitempty"`
	Migration      *Migration `json:"migration,omitempty"`
	Backup         *Backup    `json:"backup,omitempty"`
	Eviction       []Eviction `json:"eviction,omitempty"`
	Pace           *Pace      `json:"pace,omitempty"`
	Beside         *Beside    `json:"beside,omitempty"`
	Scale          []Scale    `json:"scale,omitempty"`
	Ledgers        []Pace     `json:"ledgers,omitempty"`
}

// Run is one concurrency, both ways.
type Run struct {
	Concurrency int    `json:"concurrency"`
	Product     Result `json:"product"`
	Raw         Result `json:"raw"`
	// OfRaw is the product's throughput as a part of raw's.
	OfRaw float64 `json:"ofRaw"`
}

// Result is one way of doing the work.
type Result struct {
	TenantsPerSecond float64 `json:"tenantsPerSecond"`
	// Latencies from the request to ACTIVE, in milliseconds.
	P50 float64 `json:"p50ms"`
	P95 float64 `json:"p95ms"`
	P99 float64 `json:"p99ms"`
	// CPUPerTenant is seconds of CPU per tenant, user and system, by process.
	CPUPerTenant map[string]float64 `json:"cpuSecondsPerTenant"`
}

// Life is suspend and resume in a database of so many tenants, one at a time.
type Life struct {
	Tenants int `json:"tenants"`
	// Idle is seconds of CPU per second, by process, while nothing is asked for.
	Idle    map[string]float64 `json:"idleCPUSecondsPerSecond"`
	Suspend Turn               `json:"suspend"`
	Resume  Turn               `json:"resume"`
}

// Turn is one kind of operation, done to each of some tenants.
type Turn struct {
	Operations int `json:"operations"`
	// Times from the request until the operation has succeeded, its mail sent, in
	// milliseconds.
	P50 float64 `json:"p50ms"`
	P95 float64 `json:"p95ms"`
	// Times until access has ended, or is back.
	AccessP50 float64 `json:"accessP50ms"`
	AccessP95 float64 `json:"accessP95ms"`
	// CPU is seconds of CPU per operation, by process, beyond what is used when idle.
	CPU map[string]float64 `json:"cpuSecondsPerOperation"`
}

func result(latencies []time.Duration, elapsed time.Duration, before, after cpu) Result {
	slices.Sort(latencies)
	n := len(latencies)
	per := map[string]float64{}
	for name, seconds := range after {
		if used := (seconds - before[name]) / float64(n); used > 0 {
			per[name] = roundCPU(used)
		}
	}
	return Result{
		TenantsPerSecond: round(float64(n) / elapsed.Seconds()),
		P50:              percentile(latencies, 50), P95: percentile(latencies, 95), P99: percentile(latencies, 99),
		CPUPerTenant: per,
	}
}

// percentile is by nearest rank.
func percentile(sorted []time.Duration, p int) float64 {
	rank := max(1, int(math.Ceil(float64(p)/100*float64(len(sorted)))))
	return round(float64(sorted[rank-1]) / float64(time.Millisecond))
}

func roundCPU(seconds float64) float64 { return math.Round(seconds*1e5) / 1e5 }

func round(v float64) float64 { return math.Round(v*100) / 100 }
