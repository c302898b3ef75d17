package main

import "time"

// Cost is what some work takes.
type Cost struct {
	Seconds float64 `json:"seconds"`
	// Postgres is the CPU of the database's server, in seconds.
	Postgres float64 `json:"postgresCPUSeconds"`
}

// cost measures work, beside which nothing else may run.
func cost(work func() error) (Cost, error) {
	before, err := readCPU()
	if err != nil {
		return Cost{}, err
	}
	began := time.Now()
	if err := work(); err != nil {
		return Cost{}, err
	}
	took := time.Since(began)
	after, err := readCPU()
	return Cost{Seconds: round(took.Seconds()), Postgres: round(after["postgres"] - before["postgres"])}, err
}
