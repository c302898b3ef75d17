package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/roster"
)

//go:embed tenants.json
var sampleFile []byte

// readSample reads the tenants to be provisioned; without a path, those that
// are built in.
func readSample(path string) ([]tenant.Spec, error) {
	data := sampleFile
	if path != "" {
		var err error
		if data, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("read the sample: %w", err)
		}
	} else {
		path = "tenants.json"
	}
	rows, problems := roster.Parse(data, roster.JSON)
	if len(problems) > 0 {
		return nil, &roster.Error{Path: path, Problems: problems}
	}
	sample := make([]tenant.Spec, len(rows))
	for i, row := range rows {
		sample[i] = row.New
	}
	return sample, nil
}

// longPage is the most that the API lists at a time.
const longPage = 200

// freeRound is the number of the first round whose names nobody holds: the
// tenants of earlier runs are alive and keep theirs.
func freeRound(ctx context.Context, api *client.Client, sample []tenant.Spec) (int, error) {
	held := map[string]bool{}
	for _, n := range sample {
		for t, err := range api.Tenants(ctx, client.ListTenantsParams{Name: n.Name, Limit: longPage}) {
			if err != nil {
				return 0, fmt.Errorf("look for tenants of an earlier run: %w", err)
			}
			if tenant.Status(t.Status).HoldsName() {
				held[tenant.NameKey(t.Name)] = true
			}
		}
	}
	for round := 1; ; round++ {
		if !anyHeld(held, sample, round) {
			return round, nil
		}
	}
}

func anyHeld(held map[string]bool, sample []tenant.Spec, round int) bool {
	for _, n := range sample {
		if held[tenant.NameKey(nameIn(round, n.Name))] {
			return true
		}
	}
	return false
}

// nameIn is a tenant's name in a round.
func nameIn(round int, name string) string {
	if round == 1 {
		return name
	}
	return fmt.Sprintf("%s (%d)", name, round)
}
