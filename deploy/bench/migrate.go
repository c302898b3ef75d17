package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
	"tenant-provisioning/workflows"
)

// migrateTables is how many tables a tenant has, and migrateQueue the task queue of the
// worker that migrates them.
const (
	migrateTables = 20
	migrateQueue  = "bench-migrate"
)

// Migration is a file on every tenant: by a plain loop, which also commits a version for
// each, and by a fleet run.
type Migration struct {
	Tenants int     `json:"tenants"`
	Tables  int     `json:"tables"`
	Plain   Cost    `json:"plainLoop"`
	Fleet   Cost    `json:"fleetRun"`
	OfPlain float64 `json:"ofPlain"`
	// Memory is what this process holds at the end, which is the worker as well.
	Memory Memory `json:"memory"`
}

// measureMigration applies a file by the loop and the next one by a fleet run.
func measureMigration(ctx context.Context, tenants int) (*Migration, error) {
	cfg, err := config.Load(config.Options{Environ: os.Environ()}, config.NeedDB|config.NeedTemporal)
	if err != nil {
		return nil, err
	}
	pool, err := connect.Database(ctx, cfg.DB, "bench", connect.Metrics{})
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	temporal, err := connect.Temporal(cfg.Temporal, log, nil, connect.Metrics{})
	if err != nil {
		return nil, err
	}
	defer temporal.Close()
	template := migrations.Template{Version: 1}.
		With("plain", `ALTER TABLE :"schema".t_1 ADD COLUMN plain text;`).
		With("fleet", `ALTER TABLE :"schema".t_1 ADD COLUMN fleet text;`)
	fmt.Fprintf(os.Stderr, "bench: makes %d tenants of %d tables\n", tenants, migrateTables)
	schemas, err := fillTenants(ctx, pool, tenants)
	if err != nil {
		return nil, err
	}
	m := &Migration{Tenants: tenants, Tables: migrateTables}
	fmt.Fprintln(os.Stderr, "bench: a plain loop")
	if m.Plain, err = cost(func() error { return migratePlainly(ctx, pool, template.Files[0], schemas) }); err != nil {
		return nil, fmt.Errorf("migrate by a plain loop: %w", err)
	}
	fmt.Fprintln(os.Stderr, "bench: a fleet run")
	if m.Fleet, err = migrateFleet(ctx, pool, temporal, log, template); err != nil {
		return nil, fmt.Errorf("migrate by a fleet run: %w", err)
	}
	m.OfPlain = round(m.Fleet.Seconds / m.Plain.Seconds)
	m.Memory, err = memory(os.Getpid())
	return m, err
}

// fillTenants makes tenants at version 1, each with its tables, and gives their schemas.
func fillTenants(ctx context.Context, pool *pgxpool.Pool, tenants int) ([]string, error) {
	all := make([]string, tenants)
	filling, ctx := errgroup.WithContext(ctx)
	filling.SetLimit(fillers)
	for n := range tenants {
		id, err := tenant.NewID()
		if err != nil {
			return nil, errors.Join(err, filling.Wait())
		}
		all[n] = tenant.SchemaName("", id)
		filling.Go(func() error {
			if err := fillTenant(ctx, pool, id, all[n]); err != nil {
				return fmt.Errorf("make tenant %d: %w", n, err)
			}
			return nil
		})
	}
	return all, filling.Wait()
}

func fillTenant(ctx context.Context, pool *pgxpool.Pool, id tenant.ID, schema string) error {
	quoted := pgx.Identifier{schema}.Sanitize()
	script := `CREATE SCHEMA ` + quoted + `;`
	for t := range migrateTables {
		script += fmt.Sprintf(`CREATE TABLE %s.t_%d (id bigint PRIMARY KEY, what text);`, quoted, t+1)
	}
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
		VALUES ($1, $2, $2, '', $2, $2, 'app', 'ACTIVE', 'a@example.com', 'A', 'B', 'standard', 'default')`, string(id), schema)
	b.Queue(`SELECT run_script($1)`, script)
	b.Queue(`INSERT INTO tenant_schema_versions (schema_name, tenant_id, generation, version) VALUES ($1, $2, 1, 1)`, schema, string(id))
	return pool.SendBatch(ctx, b).Close()
}

// migratePlainly does what a script does: one schema after the other, each with its
// version in one transaction.
func migratePlainly(ctx context.Context, pool *pgxpool.Pool, f migrations.File, schemas []string) error {
	for _, schema := range schemas {
		quoted := pgx.Identifier{schema}.Sanitize()
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, f.For(quoted, quoted)); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `UPDATE tenant_schema_versions SET version = $2, updated_at = now() WHERE schema_name = $1`, schema, f.Version)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// migrateFleet runs a worker that does nothing else, and a run from its acceptance to its
// end.
func migrateFleet(ctx context.Context, pool *pgxpool.Pool, temporal client.Client, log *slog.Logger, template migrations.Template) (Cost, error) {
	schemas, err := postgres.NewSchemasOf(ctx, pool, template)
	if err != nil {
		return Cost{}, err
	}
	defer schemas.Close()
	store := postgres.NewFleets(pool)
	w := worker.New(temporal, migrateQueue, worker.Options{})
	workflows.Register(w)
	w.RegisterActivity(&activities.Fleet{Store: store})
	w.RegisterActivity(&activities.Migration{Schemas: schemas, Items: activities.FleetItems{Store: store, Breaker: postgres.NewIncidents(pool)}})
	if err := w.Start(); err != nil {
		return Cost{}, err
	}
	defer w.Stop()
	fleets := &operations.Fleets{Store: store, Audit: postgres.NewAuditLog(pool), Temporal: temporal, TaskQueue: migrateQueue, Logger: log}
	running, stop := context.WithCancel(ctx)
	defer stop()
	go fleets.Run(running)
	params, err := json.Marshal(postgres.MigrationParams{Version: template.Version})
	if err != nil {
		return Cost{}, err
	}
	lifecycle, _ := tenant.FleetMigrate.Lifecycle()
	return cost(func() error {
		run, err := fleets.Submit(ctx, tenant.FleetRequest{
			Kind: tenant.FleetMigrate, Settings: lifecycle.Defaults, Params: params, Reason: "a benchmark", IdempotencyKey: uuid.NewString(),
		}, benchmark)
		if err != nil {
			return err
		}
		return completed(ctx, fleets, run.ID)
	})
}

// benchmark is who asks for all of this.
var benchmark = tenant.Caller{Client: "bench", Actor: "bench"}

// completed waits for the end of a run, and fails unless it has done everything.
func completed(ctx context.Context, fleets *operations.Fleets, id tenant.FleetID) error {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		run, err := fleets.Find(ctx, id)
		switch {
		case err != nil:
			return err
		case run.State == tenant.FleetCompleted:
			return nil
		case run.State.Closed(), run.State == tenant.FleetPaused:
			return fmt.Errorf("the run is %s: %s", run.State, run.Note)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}
