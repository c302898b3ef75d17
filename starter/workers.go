package main

import (
	"context"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// workers is what the commands need to know whether anybody does the work.
type workers interface {
	Workers(ctx context.Context) (tenant.Workforce, error)
}

// lookForWorkers tells the person at the terminal when nobody does the work. A
// program finds that in the JSON of list, status and incidents.
func (a *app) lookForWorkers(ctx context.Context, c workers) (*tenant.Workforce, error) {
	w, err := c.Workers(ctx)
	if err != nil {
		return nil, err
	}
	if line := w.Line(); line != "" && a.format != output.JSON {
		a.say("%s", line)
	}
	return &w, nil
}
