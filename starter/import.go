package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/batch"
	"tenant-provisioning/starter/output"
	"tenant-provisioning/starter/roster"
)

// importFlags are the flags of starter import.
type importFlags struct {
	from        string
	dryRun      bool
	columns     map[string]string
	concurrency int
	wait        bool
	timeout     time.Duration
}

func (a *app) imports() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import --from SCHEMA [--dry-run]",
		Short: "Take over the tenants that the replaced application has made in this database, with their data",
		Long: `Take over the tenants that the replaced application has made in this database, with
their data, where it is. --from names the schema with its tables tenants and
provisioning_logs. Stop that application first.

Each row that is ACTIVE there becomes a tenant of ours by an operation of the kind
provision: its schema gets a role and what it lacks of the template, and a contract is
deployed. With the activation the administrator's password is void, and so is every
other that is kept as unsalted SHA-256; the administrator is invited by mail. A row
whose tables do not match the template's is reported and skipped: nothing of its
schema is touched. A rollback takes off what was added, and leaves schema and data as
they were.

--dry-run reads, and says of each row what would be done, or why it cannot be. The
command may be run again at any time: what was imported stays, what is under way is
followed, what was rolled back is tried again. Ended by Ctrl-C, what was accepted goes
on by itself.

` + exitHelp,
		Example: `  starter import --from legacy --dry-run
  starter import --from legacy
  starter import --from legacy --column admin-email=contact_email --output json > report.json`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error { return a.importFrom(cmd.Context(), f) })
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.from, "from", "", "the schema with the replaced application's table of tenants")
	flags.BoolVar(&f.dryRun, "dry-run", false, "change nothing, and say what would be done")
	flags.StringToStringVar(&f.columns, "column", nil, "`FIELD=COLUMN`, where that table calls it otherwise: "+strings.Join(postgres.LegacyFields(), ", "))
	flags.IntVar(&f.concurrency, "concurrency", batch.DefaultConcurrency, "tenants in flight")
	flags.BoolVar(&f.wait, "wait", true, "wait until each tenant is ACTIVE or needs attention")
	flags.DurationVar(&f.timeout, "timeout", batch.DefaultTimeout, "how long to wait for a tenant; it goes on by itself afterwards")
	if err := cmd.MarkFlagRequired("from"); err != nil {
		panic(err) //nolint:forbidigo // it is defined above
	}
	return cmd
}

func (f importFlags) check() error {
	for field := range maps.Keys(f.columns) {
		if !slices.Contains(postgres.LegacyFields(), field) {
			return usagef("--column knows no %q; it knows %s", field, strings.Join(postgres.LegacyFields(), ", "))
		}
	}
	switch {
	case f.from == "":
		return usagef("--from must name a schema")
	case f.concurrency < 1 || f.concurrency > maxConcurrency:
		return usagef("--concurrency must be 1 to %d", maxConcurrency)
	case f.timeout <= 0:
		return usagef("--timeout must be longer than nothing")
	}
	return nil
}

func (a *app) importFrom(ctx context.Context, f importFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	service, err := a.connect(ctx, toProvision)
	if err != nil {
		return err
	}
	defer service.Close()
	rows, err := legacyRows(ctx, service, f)
	if err != nil {
		return byFlag(err, map[string]string{"from": "--from", "column": "--column"})
	}
	report := output.NewImport(f.from, f.dryRun, rows)
	if !f.dryRun {
		var open []roster.Row
		importing := importing{service, f.from, map[string]tenant.ImportRow{}}
		for i, r := range rows {
			if r.State.Goes() {
				open = append(open, importing.add(i+1, r))
			}
		}
		if err = a.importRows(ctx, importing, open, f, &report); err != nil && !errors.Is(err, context.Canceled) {
			err = fmt.Errorf("stopped; what was accepted goes on by itself; to go on with the rest, run the same command again: %w", err)
		}
	}
	if answered := a.answer(report); answered != nil {
		return errors.Join(err, answered)
	}
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; what was accepted goes on by itself; to go on with the rest, run the same command again")
	}
	if bad := report.NotGood(f.wait); err == nil && bad > 0 {
		err = &attentionError{fmt.Sprintf("%d of %d rows have to be looked at; each says why", bad, len(rows))}
	}
	return err
}

func legacyRows(ctx context.Context, service *controlPlane, f importFlags) ([]tenant.ImportRow, error) {
	schemas, err := postgres.NewSchemas(ctx, service.pool)
	if err != nil {
		return nil, err
	}
	defer schemas.Close()
	return postgres.NewImports(service.pool, schemas).Rows(ctx, f.from, f.columns)
}

// importRows imports what can be, as a file's rows are provisioned.
func (a *app) importRows(ctx context.Context, control importing, rows []roster.Row, f importFlags, report *output.Import) error {
	if len(rows) == 0 {
		return nil
	}
	if _, err := a.lookForWorkers(ctx, control.controlPlane); err != nil {
		return err
	}
	if f.wait {
		control.listen(ctx)
	}
	shown := a.progress(len(rows), f.wait)
	outcomes, err := batch.NewRunner(batch.Config{
		Control: control, Caller: a.caller(), Concurrency: f.concurrency, Wait: f.wait,
		Timeout: f.timeout, Patience: batch.DefaultPatience, Watcher: shown,
	}).Run(ctx, rows, &batch.ResultFile{})
	shown.Done()
	for _, o := range outcomes {
		report.Reached(o.Line-1, string(o.State), o.TenantID, o.OperationID, o.ContractID, o.Error)
	}
	return err
}

// importing is a control plane that has a row imported where a batch creates its tenant.
type importing struct {
	*controlPlane
	from string
	rows map[string]tenant.ImportRow
}

// add makes a row of a batch. Rows that can be imported have different names.
func (i importing) add(line int, r tenant.ImportRow) roster.Row {
	spec := r.Spec
	if spec.Name == "" { // one that is under way was not judged again
		spec.Name = r.Name
	}
	i.rows[tenant.NameKey(spec.Name)] = r
	return roster.Row{Number: line, Line: line, Key: "import/" + i.from + "/" + r.ID, New: spec}
}

// Create imports the row of this name.
func (i importing) Create(ctx context.Context, n tenant.Spec, who tenant.Caller, idempotencyKey string) (tenant.Operation, error) {
	return i.Import(ctx, i.from, i.rows[tenant.NameKey(n.Name)], who, idempotencyKey)
}
