package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/starter/output"
)

// wholeFlags are those of starter restore that are about the whole installation.
type wholeFlags struct {
	all, yes, goLive, clone, verifyOnly bool
	into, from                          string
}

// whole tells that the command is about the whole installation, and not one tenant.
func (f *wholeFlags) whole() bool { return f.all || f.goLive }

const wholeHelp = `--all makes a whole installation of its backups on an empty database: the control
tables, and the role and schema of each tenant, by this command itself, which needs the
BACKUP_ settings with BACKUP_IDENTITY. First it says what the store has, and changes
nothing; --yes does it. Interrupted, the same command goes on.

What was restored so is not live: it sends, dispatches and signs nothing until --go-live
has deleted again who was purged since the backup, ended the runs that Temporal still
has, put mails that had not left in doubt, voided links that were not used, and compared
the sequence numbers on the ledger. It reports the gap.

`

// ofAll adds to the restore of one tenant that of the whole installation.
func (a *app) ofAll(cmd *cobra.Command) *cobra.Command {
	var f wholeFlags
	ofOne, argsOfOne := cmd.RunE, cmd.Args
	cmd.Use += " | --all | --go-live"
	cmd.Long = strings.Replace(cmd.Long, exitHelp, wholeHelp+exitHelp, 1)
	cmd.Example += `
  starter restore --all
  starter restore --all --yes
  starter restore --go-live
  starter restore --all --into verify --verify-only --yes`
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, "restore the whole installation, from the newest backup of the control tables or that of --backup")
	flags.BoolVar(&f.yes, "yes", false, "with --all: do it, having seen what the store has")
	flags.BoolVar(&f.clone, "as-clone", false, "with --all: one that never goes live: it sends, dispatches and signs nothing, ever")
	flags.StringVar(&f.into, "into", "", "with --all: to this database, instead of DB_NAME")
	flags.BoolVar(&f.verifyOnly, "verify-only", false, "with --all and --into: make no role, and never go live; drop the database afterwards")
	flags.BoolVar(&f.goLive, "go-live", false, "end what was under way at the backup, report what is lost, and begin to work")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if f.whole() {
			return cobra.NoArgs(cmd, args)
		}
		return argsOfOne(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !f.whole() {
			return ofOne(cmd, args)
		}
		a.started = true
		f.from, _ = flags.GetString("backup") // it is there
		if err := f.check(); err != nil {
			return err
		}
		if f.goLive {
			return a.goLive(cmd.Context())
		}
		return a.rebuild(cmd.Context(), f)
	}
	return cmd
}

func (f *wholeFlags) check() error {
	if f.from != "" {
		if _, err := backup.ParseID(f.from); err != nil {
			return &usageError{err}
		}
	}
	switch {
	case f.goLive && (f.all || f.yes || f.clone || f.verifyOnly || f.into != "" || f.from != ""):
		return usagef("--go-live goes alone: it is known what was restored")
	case f.verifyOnly != (f.into != ""):
		return usagef("--into and --verify-only belong together")
	}
	return nil
}

// openRebuild connects to the database as it is, which may have no tables.
func (a *app) openRebuild(ctx context.Context, cfg *config.Config) (*connect.Rebuild, *pgxpool.Pool, error) {
	pool, err := openDatabase(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	r, err := connect.NewRebuild(ctx, cfg.Backup, pool)
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return r, pool, nil
}

func (a *app) rebuild(ctx context.Context, f wholeFlags) error {
	cfg, err := a.load(config.NeedDB | config.NeedBackup)
	if err != nil {
		return err
	}
	if f.into != "" {
		cfg.DB.Name = f.into
	}
	r, pool, err := a.openRebuild(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	defer r.Close()
	r.From, r.Clone, r.Roles = backup.ID(f.from), f.clone || f.verifyOnly, !f.verifyOnly
	if !f.yes {
		return a.planRebuild(ctx, r, cfg.DB.Name)
	}
	out, err := r.Restore(ctx, func(done, of int) {
		if done%100 == 0 || done == of {
			a.say("%d of %d tenants", done, of)
		}
	})
	if err != nil {
		return fmt.Errorf("restore the installation: %w", err)
	}
	if err := a.answer(output.NewRebuilt(out, r.Clone)); err != nil {
		return err
	}
	if len(out.Failed) > 0 {
		return &attentionError{fmt.Sprintf("%d tenants are not restored; they are named above", len(out.Failed))}
	}
	return nil
}

// planRebuild says what would be restored.
func (a *app) planRebuild(ctx context.Context, r *connect.Rebuild, database string) error {
	stage, err := r.Rows.Stage(ctx)
	if err != nil {
		return err
	}
	has, err := r.Look(ctx, true)
	if err != nil {
		return err
	}
	if stage.NotLive == "" && stage.Used {
		return backup.ErrNotEmpty
	}
	return a.answer(output.NewRebuildPlan(has, database))
}

// goLive may be repeated at any time until it has come to its end.
func (a *app) goLive(ctx context.Context) error {
	cfg, err := a.load(config.NeedDB | config.NeedBackup | config.NeedTemporal | config.NeedSoroban)
	if err != nil {
		return err
	}
	r, pool, err := a.openRebuild(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	defer r.Close()
	stage, err := r.Rows.Stage(ctx)
	switch {
	case err != nil:
		return err
	case stage.NotLive == "clone":
		return errors.New("it was restored with --as-clone, or to be verified: it never goes live")
	case stage.NotLive == "filling":
		return errors.New("not all tenants are restored yet; run again: starter restore --all --yes")
	case stage.NotLive == "":
		return errors.New("the installation is live, or was never restored: there is nothing to do")
	}
	d := output.WentLive{Backup: stage.From, AsOf: *stage.AsOf, At: time.Now().UTC()}
	if d.Purged, err = r.Bury(ctx, stage.Installation); err != nil {
		return err
	}
	if err := a.lookOutside(ctx, cfg, r, pool, &d); err != nil {
		return err
	}
	if d.Settled, err = r.Rows.Settle(ctx); err != nil {
		return err
	}
	if err := r.Rows.GoLive(ctx, a.caller(), d); err != nil {
		return err
	}
	a.say("It is live. Start the workers, then look at what does not fit together: starter reconcile")
	return a.answer(d)
}

// lookOutside ends what Temporal still has, and asks the ledger what our accounts have
// signed since the backup.
func (a *app) lookOutside(ctx context.Context, cfg *config.Config, r *connect.Rebuild, pool *pgxpool.Pool, d *output.WentLive) error {
	logger := a.logger(cfg)
	temporal, err := connect.Temporal(cfg.Temporal, logger, nil, connect.Metrics{})
	if err != nil {
		return err
	}
	defer temporal.Close()
	runs := operations.Runs{Temporal: temporal, TaskQueue: cfg.Temporal.TaskQueue}
	if d.RunsEnded, err = runs.CloseAll(ctx, "the installation was restored from backup "+string(d.Backup)); err != nil {
		return err
	}
	known, err := r.Rows.Sequences(ctx, cfg.Soroban.Passphrase)
	if err != nil {
		return err
	}
	ledger, err := connect.Ledger(cfg.Soroban, pool, logger, connect.Metrics{})
	if err != nil {
		return err
	}
	now, err := ledger.Sequences(ctx, slices.Collect(maps.Keys(known)))
	if err != nil {
		return fmt.Errorf("ask the ledger for the sequence numbers: %w", err)
	}
	d.Signed = []output.SignedSince{}
	for _, account := range slices.Sorted(maps.Keys(now)) {
		before, used := known[account]
		if !used {
			before = stellar.FirstSequence(now[account])
		}
		if n := now[account] - before; n > 0 {
			d.Signed = append(d.Signed, output.SignedSince{Account: account, Transactions: n})
		}
	}
	return nil
}
