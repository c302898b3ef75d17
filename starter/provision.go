package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/batch"
	"tenant-provisioning/starter/output"
)

// provisionFlags are those of one tenant, those of a file, and those of both.
type provisionFlags struct {
	tenant         tenant.Spec
	idempotencyKey string

	file        string
	results     string
	concurrency int
	again       bool

	wait    bool
	timeout time.Duration
}

// flagOf names the flag for each field of a request.
var flagOf = map[string]string{
	"name": "--name", "adminEmail": "--admin-email", "adminFirstName": "--admin-first-name",
	"adminLastName": "--admin-last-name", "tier": "--tier", "region": "--region",
}

func (a *app) provision() *cobra.Command {
	var f provisionFlags
	cmd := &cobra.Command{
		Use:   "provision",
		Short: "Create one tenant by flags, or many from a file",
		Long: `Create one tenant by flags, or many from a file.

A file is CSV, whose first line names the columns, or JSON, an array of objects:
name, adminEmail, adminFirstName, adminLastName, and if wanted tier, region, key.
It is checked as a whole before anything is created. Each row has a key: what
stands in the column key, else a digest of the row. A file that was interrupted,
or is run a second time, goes on where it was: rows that were accepted before
are followed, not created again. What became of each row is in a file beside it,
tenants.csv → tenants.result.csv, or at --results: the tenant's status, or the
operation's state while it is open, REFUSED or NOT_STARTED.

CSV is read as spreadsheets write it: with commas, semicolons or tabs ("sep=;"
on the first line is understood), any line ends, UTF-8 or "Unicode text"; fields
that may be left out may be missing at a row's end. With --file - the tenants are
read from standard input; then there is a result file only with --results.

Ctrl-C stops taking new rows; what was accepted goes on by itself.

` + exitHelp,
		Example: `  starter provision --name "St. Mary's Hospital" --admin-email ada@stmary.example \
    --admin-first-name Ada --admin-last-name Lovelace --wait
  starter provision --file tenants.csv
  starter provision --file - --results /tmp/tenants.result.csv < tenants.csv
  starter provision --file tenants.json --output json > report.json`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		if err := f.check(cmd); err != nil {
			return err
		}
		if f.file != "" {
			return a.provisionFile(cmd.Context(), f)
		}
		return a.provisionOne(cmd.Context(), f)
	})
	f.register(cmd)
	return cmd
}

func (f *provisionFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.tenant.Name, "name", "", "the tenant's name, 3 to 100 characters")
	flags.StringVar(&f.tenant.Administrator.Email, "admin-email", "", "address of the first administrator, who gets the welcome mail")
	flags.StringVar(&f.tenant.Administrator.FirstName, "admin-first-name", "", "the administrator's first name")
	flags.StringVar(&f.tenant.Administrator.LastName, "admin-last-name", "", "the administrator's last name")
	flags.StringVar(&f.tenant.Tier, "tier", tenant.DefaultTier, "service tier")
	flags.StringVar(&f.tenant.Region, "region", tenant.DefaultRegion, "region")
	flags.StringVar(&f.idempotencyKey, "idempotency-key", "", "with the same key, a repeated command creates nothing new")
	flags.StringVar(&f.file, "file", "", "a .csv or .json file of tenants; - is standard input")
	flags.StringVar(&f.results, "results", "", "where to write what became of each row of the file (default: beside it)")
	flags.IntVar(&f.concurrency, "concurrency", batch.DefaultConcurrency, "rows of the file in flight")
	flags.BoolVar(&f.again, "again", false, "provision rows of the file anew that an earlier run rolled back")
	flags.BoolVar(&f.wait, "wait", false, "wait until the tenant is ACTIVE or needs attention (with --file: the default; --wait=false only hands in)")
	flags.DurationVar(&f.timeout, "timeout", batch.DefaultTimeout, "how long to wait for a tenant; it goes on by itself afterwards")
}

const maxConcurrency = 256

// check finds flags that do not fit together, and sets what depends on others.
func (f *provisionFlags) check(cmd *cobra.Command) error {
	ofOne := []string{"name", "admin-email", "admin-first-name", "admin-last-name", "tier", "region", "idempotency-key"}
	ofFile := []string{"results", "concurrency", "again"}
	wrong, because := ofFile, "is for files: add --file"
	if f.file != "" {
		wrong, because = ofOne, "is for one tenant: in a file it is a column"
		if !cmd.Flags().Changed("wait") {
			f.wait = true
		}
	}
	for _, name := range wrong {
		if cmd.Flags().Changed(name) {
			return usagef("--%s %s", name, because)
		}
	}
	if f.results == standardInput {
		return usagef("--results must name a file; the answer itself, on standard output, has every row with --output json")
	}
	if f.concurrency < 1 || f.concurrency > maxConcurrency {
		return usagef("--concurrency must be 1 to %d", maxConcurrency)
	}
	if f.timeout <= 0 {
		return usagef("--timeout must be longer than nothing")
	}
	return nil
}

func (a *app) provisionOne(ctx context.Context, f provisionFlags) error {
	if strings.TrimSpace(f.tenant.Name) == "" {
		return usagef("say which tenant: --name, --admin-email, --admin-first-name and --admin-last-name, or --file for many")
	}
	n, err := f.tenant.Clean()
	if err != nil {
		return byFlag(err, flagOf)
	}
	service, err := a.connect(ctx, toProvision)
	if err != nil {
		return err
	}
	defer service.Close()
	if _, err := a.lookForWorkers(ctx, service); err != nil {
		return err
	}
	runner := a.runner(service, f.timeout)
	op, err := runner.Create(ctx, n, f.idempotencyKey)
	if err != nil {
		return fmt.Errorf("create %q: %w", n.Name, err)
	}
	return a.follow(ctx, service, op, f.wait, runner)
}

func (a *app) runner(service *controlPlane, timeout time.Duration) *batch.Runner {
	return batch.NewRunner(batch.Config{Control: service, Caller: a.caller(), Timeout: timeout, Watcher: notices{a}})
}

// follow answers with an operation that was accepted, at once or when it is
// settled.
func (a *app) follow(ctx context.Context, service *controlPlane, op tenant.Operation, wait bool, runner *batch.Runner) (err error) {
	if wait {
		service.listen(ctx)
		op, err = runner.Follow(ctx, op)
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	t, terr := service.Tenant(context.WithoutCancel(ctx), op.TenantID)
	if terr != nil {
		return terr
	}
	if err := a.answer(output.NewAccepted(t, op)); err != nil {
		return err
	}
	if err != nil {
		return errors.New("interrupted; the tenant goes on by itself")
	}
	return judge(t, op, wait)
}

// judge turns an end that somebody has to look at into the exit code for it.
func judge(t tenant.Tenant, op tenant.Operation, waited bool) error {
	switch {
	case op.State.NeedsPerson():
		return &attentionError{fmt.Sprintf("the operation is %s", op.State)}
	case op.State.Closed() && t.Status == tenant.StatusFailed, waited && op.State == tenant.StateRolledBack:
		return &attentionError{fmt.Sprintf("the tenant is %s", t.Status)}
	case waited && !op.State.Closed():
		return &attentionError{fmt.Sprintf("the tenant is still %s", t.Status)}
	}
	return nil
}

// notices are what a person should know who waits for one tenant.
type notices struct{ *app }

func (notices) Row(batch.Outcome) {}

func (n notices) Notice(text string) { n.say("%s", text) }
