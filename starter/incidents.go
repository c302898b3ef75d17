package main

import (
	"context"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// incidents is what the command needs of the control plane.
type incidents interface {
	workers
	Incidents(ctx context.Context) ([]tenant.Incident, error)
}

func (a *app) incidents() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "incidents",
		Short: "List what fails, or has failed, for many tenants at once",
		Long: `List what fails, or has failed, for many tenants at once: open incidents first,
then the newest.

While one is open nothing new is started, and running work waits before the step
that needs the dependency. Nobody has to act on the tenants: when the dependency
answers two probes in a row, the incident closes and work resumes by itself.`,
		Example: `  starter incidents
  starter incidents --output json | jq -r '.items[] | select(.closedAt == null) | .cause'`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		service, err := a.connect(cmd.Context(), toRead)
		if err != nil {
			return err
		}
		defer service.Close()
		return a.listIncidents(cmd.Context(), service)
	})
	return cmd
}

func (a *app) listIncidents(ctx context.Context, c incidents) error {
	all, err := c.Incidents(ctx)
	if err != nil {
		return err
	}
	list := output.NewIncidents(all)
	if list.Workers, err = a.lookForWorkers(ctx, c); err != nil {
		return err
	}
	return a.answer(list)
}
