package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/schemalint"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
	"tenant-provisioning/starter/output"
	"tenant-provisioning/starter/progress"
)

// migrateTenantsFlags are the flags of starter migrate tenants.
type migrateTenantsFlags struct {
	dryRun, status, detach bool
	actions                map[tenant.FleetAction]*bool
	settings               tenant.FleetSettings
	allow                  []string
	lockTimeout            time.Duration
	reason                 string
}

func (a *app) migrateTenants() *cobra.Command {
	lifecycle, _ := tenant.FleetMigrate.Lifecycle()
	f := migrateTenantsFlags{settings: lifecycle.Defaults, actions: map[tenant.FleetAction]*bool{}}
	cmd := &cobra.Command{
		Use:   "tenants",
		Short: "Bring the schemas of all tenants to the newest version of their template",
		Long: `Bring the schemas of all tenants to the newest version of their template
(migrations/tenant), that of this program. Replace the workers by the same version
first: they do it.

New files are judged before anything is done: what rewrites a table, or blocks
those who work with it, is refused unless the file says that it is meant, by a line
"-- lint: allow RULE", or --allow does.

A few tenants come first (--canary): if one of them fails the run pauses. The others
follow in waves, by tier and by percentage. A tenant whose file fails stays at the
version that it has, and says why; when more fail than --budget allows, the run
pauses. A table that is in use is waited for --lock-timeout at a time, so that
nobody queues up behind it for long, and tried again later.

There is one run at a time. Without --detach the command shows how far it is; ended
by Ctrl-C it goes on. --status shows it; --pause, --resume, --retry (what has failed)
and --abort steer it. What was done stays.

` + exitHelp,
		Example: `  starter migrate tenants --dry-run
  starter migrate tenants --canary 5 --reason "release 2.4"
  starter migrate tenants --status
  starter migrate tenants --pause --reason "ticket 4711"`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error { return a.migrateTenantsWith(cmd.Context(), f) })
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would be done, and judge the new files")
	flags.IntVar(&f.settings.Canary, "canary", f.settings.Canary, "how many tenants come first")
	flags.IntSliceVar(&f.settings.Percent, "percent", f.settings.Percent, "the waves of each tier, in percent of its tenants")
	flags.StringSliceVar(&f.settings.Tiers, "tiers", nil, "the order of tiers; others come last, by name")
	flags.IntVar(&f.settings.Lanes, "parallel", f.settings.Lanes, "how many tenants at a time")
	flags.IntVar(&f.settings.Budget, "budget", f.settings.Budget, "how many tenants may fail before the run pauses")
	flags.IntVar(&f.settings.Attempts, "attempts", f.settings.Attempts, "how often a tenant is tried whose failure may pass")
	flags.DurationVar(&f.lockTimeout, "lock-timeout", postgres.MigrateLockTimeout, "how long a table that is in use is waited for at a time")
	flags.StringSliceVar(&f.allow, "allow", nil, "rules for new files that need not hold")
	flags.StringVar(&f.reason, "reason", "", "why, for the audit log; it is kept in clear")
	flags.BoolVar(&f.detach, "detach", false, "do not wait for the end")
	flags.BoolVar(&f.status, "status", false, "show the run")
	exclusive := []string{"dry-run", "status"}
	for _, action := range tenant.FleetActions() {
		f.actions[action] = flags.Bool(string(action), false, fleetActionHelp[action])
		exclusive = append(exclusive, string(action))
	}
	cmd.MarkFlagsMutuallyExclusive(exclusive...)
	return cmd
}

var fleetActionHelp = map[tenant.FleetAction]string{
	tenant.FleetPause:  "begin no further tenant",
	tenant.FleetResume: "go on, with the failures that there are",
	tenant.FleetRetry:  "do what has failed again, and go on",
	tenant.FleetAbort:  "end the run; what was done stays",
}

func (a *app) migrateTenantsWith(ctx context.Context, f migrateTenantsFlags) error {
	if err := f.settings.Check(); err != nil {
		return byFlag(err, map[string]string{"canary": "--canary", "lanes": "--parallel", "budget": "--budget", "attempts": "--attempts", "percent": "--percent"})
	}
	needs := toRead
	for _, chosen := range f.actions {
		if *chosen {
			needs = toAct // it wakes the workflow
		}
	}
	p, err := a.connect(ctx, needs)
	if err != nil {
		return err
	}
	defer p.Close()
	fleets, rows := connect.Fleets(p.pool, p.temporal, "", p.logger), postgres.NewFleets(p.pool)
	for action, chosen := range f.actions {
		if *chosen {
			return a.actOnFleet(ctx, fleets, action, f)
		}
	}
	template, err := migrations.Tenant()
	if err != nil {
		return err
	}
	versions, err := rows.SchemaVersions(ctx)
	if err != nil {
		return err
	}
	plan := output.NewTenantMigration(template.Version, versions)
	if f.status {
		return a.showFleet(ctx, fleets, plan)
	}
	if len(versions) > 0 {
		files := template.Between(versions[0].Version, template.Version)
		for _, file := range files {
			plan.Files = append(plan.Files, file.Name)
		}
		plan.Refused = schemalint.Files(files, f.allow...)
	}
	switch {
	case len(plan.Refused) > 0:
		if err := a.answer(plan); err != nil {
			return err
		}
		return usagef("nothing was done: change the files, or say in them, or by --allow, that it is meant")
	case f.dryRun, plan.Behind == 0:
		return a.answer(plan)
	}
	if _, err := a.lookForWorkers(ctx, p); err != nil {
		return err
	}
	return a.submitMigration(ctx, fleets, f, template.Version)
}

func (a *app) submitMigration(ctx context.Context, fleets *operations.Fleets, f migrateTenantsFlags, version int64) error {
	params, err := json.Marshal(postgres.MigrationParams{Version: version, LockTimeout: f.lockTimeout})
	if err != nil {
		return fmt.Errorf("write the request down: %w", err)
	}
	run, err := fleets.Submit(ctx, tenant.FleetRequest{
		Kind: tenant.FleetMigrate, Settings: f.settings, Params: params, Reason: f.why(fmt.Sprintf("migrate tenants to version %d", version)),
	}, a.caller())
	if err != nil {
		return fmt.Errorf("migrate tenants: %w", err)
	}
	return a.followFleet(ctx, fleets, run, f.detach)
}

func (f migrateTenantsFlags) why(otherwise string) string {
	if strings.TrimSpace(f.reason) == "" {
		return otherwise
	}
	return f.reason
}

// newestMigration is the run that the flags are about: the newest.
func newestMigration(ctx context.Context, fleets *operations.Fleets) (tenant.FleetRun, bool, error) {
	page, err := fleets.List(ctx, tenant.FleetFilter{Kind: tenant.FleetMigrate, Limit: 1})
	if err != nil || len(page.Items) == 0 {
		return tenant.FleetRun{}, false, err
	}
	return page.Items[0], true, nil
}

func (a *app) actOnFleet(ctx context.Context, fleets *operations.Fleets, action tenant.FleetAction, f migrateTenantsFlags) error {
	run, found, err := newestMigration(ctx, fleets)
	if err != nil {
		return err
	}
	if !found {
		return usagef("there is no run to %s; begin one with: starter migrate tenants", action)
	}
	run, err = fleets.Act(ctx, run.ID, action, tenant.ActionRequest{Reason: f.why("starter migrate tenants --" + string(action))}, a.caller())
	if err != nil {
		return err
	}
	failed, err := failedOf(ctx, fleets, run)
	if err != nil {
		return err
	}
	return a.answer(output.NewFleetRun(run, failed))
}

func (a *app) showFleet(ctx context.Context, fleets *operations.Fleets, plan output.TenantMigration) error {
	run, found, err := newestMigration(ctx, fleets)
	if err != nil {
		return err
	}
	if found {
		failed, err := failedOf(ctx, fleets, run)
		if err != nil {
			return err
		}
		shown := output.NewFleetRun(run, failed)
		plan.Run = &shown
	}
	return a.answer(plan)
}

// failedOf lists the first tenants of a run that have failed.
func failedOf(ctx context.Context, fleets *operations.Fleets, run tenant.FleetRun) ([]tenant.FleetItem, error) {
	if run.Counts.Failed == 0 {
		return nil, nil
	}
	page, err := fleets.Items(ctx, run.ID, tenant.FleetItemFilter{State: tenant.FleetItemFailed, Limit: tenant.DefaultPageSize})
	return page.Items, err
}

// fleetLook is how often a run is looked at that is followed.
const fleetLook = 500 * time.Millisecond

// followFleet shows how far a run is until it ends or pauses.
func (a *app) followFleet(ctx context.Context, fleets *operations.Fleets, run tenant.FleetRun, detach bool) error {
	if !detach {
		a.say("Run %s; ended by Ctrl-C it goes on: starter migrate tenants --status", run.ID)
		var view interface {
			Show(tenant.FleetRun)
			Done()
		} = progress.NewFleetLines(a.err)
		if a.terminal {
			view = progress.NewFleetBar(a.err)
		}
		tick := time.NewTicker(fleetLook)
		defer tick.Stop()
		for !run.State.Closed() && run.State != tenant.FleetPaused {
			select {
			case <-ctx.Done():
				view.Done()
				return ctx.Err()
			case <-tick.C:
			}
			now, err := fleets.Find(ctx, run.ID)
			if err != nil {
				a.say("cannot see how far it is; trying again: %s", err)
				continue
			}
			run = now
			view.Show(run)
		}
		view.Done()
	}
	failed, err := failedOf(ctx, fleets, run)
	if err != nil {
		return err
	}
	if err := a.answer(output.NewFleetRun(run, failed)); err != nil {
		return err
	}
	if !detach && run.State != tenant.FleetCompleted {
		return &attentionError{text: fmt.Sprintf("the run is %s: %s; see docs/runbooks/migration-stuck.md", run.State, run.Note)}
	}
	return nil
}
