package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

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
	Tenants      int     `json:"tenants"`
	Tables       int     `json:"tables"`
	PlainSeconds float64 `json:"plainSeconds"`
	FleetSeconds float64 `json:"fleetSeconds"`
	OfPlain      float64 `json:"ofPlain"`
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
	if m.PlainSeconds, err = migratePlainly(ctx, pool, template.Files[0], schemas); err != nil {
		return nil, fmt.Errorf("migrate by a plain loop: %w", err)
	}
	fmt.Fprintln(os.Stderr, "bench: a fleet run")
	if m.FleetSeconds, err = migrateFleet(ctx, pool, temporal, log, template); err != nil {
		return nil, fmt.Errorf("migrate by a fleet run: %w", err)
	}
	m.OfPlain = round(m.FleetSeconds / m.PlainSeconds)
	return m, nil
}

// fillTenants makes tenants at version 1, each with its tables, and gives their schemas.
func fillTenants(ctx context.Context, pool *pgxpool.Pool, tenants int) ([]string, error) {
	all := make([]string, tenants)
	for n := range tenants {
		id, err := tenant.NewID()
		if err != nil {
			return nil, err
		}
		all[n] = tenant.SchemaName("", id)
		schema := pgx.Identifier{all[n]}.Sanitize()
		script := `CREATE SCHEMA ` + schema + `;`
		for t := range migrateTables {
			script += fmt.Sprintf(`CREATE TABLE %s.t_%d (id bigint PRIMARY KEY, what text);`, schema, t+1)
		}
		b := &pgx.Batch{}
		b.Queue(`INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
			VALUES ($1, $2, $2, '', $2, $2, 'app', 'ACTIVE', 'a@example.com', 'A', 'B', 'standard', 'default')`, string(id), all[n])
		b.Queue(`SELECT run_script($1)`, script)
		b.Queue(`INSERT INTO tenant_schema_versions (schema_name, tenant_id, generation, version) VALUES ($1, $2, 1, 1)`, all[n], string(id))
		if err := pool.SendBatch(ctx, b).Close(); err != nil {
			return nil, fmt.Errorf("make tenant %d: %w", n, err)
		}
	}
	return all, nil
}

// migratePlainly does what a script does: one schema after the other, each with its
// version in one transaction.
func migratePlainly(ctx context.Context, pool *pgxpool.Pool, f migrations.File, schemas []string) (float64, error) {
	began := time.Now()
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
			return 0, err
		}
	}
	return time.Since(began).Seconds(), nil
}

// migrateFleet runs a worker that does nothing else, and a run from its acceptance to its
// end.
func migrateFleet(ctx context.Context, pool *pgxpool.Pool, temporal client.Client, log *slog.Logger, template migrations.Template) (float64, error) {
	schemas, err := postgres.NewSchemasOf(ctx, pool, template)
	if err != nil {
		return 0, err
	}
	defer schemas.Close()
	store := postgres.NewFleets(pool)
	w := worker.New(temporal, migrateQueue, worker.Options{})
	workflows.Register(w)
	w.RegisterActivity(&activities.Fleet{Store: store})
	w.RegisterActivity(&activities.Migration{Schemas: schemas, Items: activities.FleetItems{Store: store, Breaker: postgres.NewIncidents(pool)}})
	if err := w.Start(); err != nil {
		return 0, err
	}
	defer w.Stop()
	fleets := &operations.Fleets{Store: store, Audit: postgres.NewAuditLog(pool), Temporal: temporal, TaskQueue: migrateQueue, Logger: log}
	running, stop := context.WithCancel(ctx)
	defer stop()
	go fleets.Run(running)
	params, err := json.Marshal(postgres.MigrationParams{Version: template.Version})
	if err != nil {
		return 0, err
	}
	lifecycle, _ := tenant.FleetMigrate.Lifecycle()
	began := time.Now()
	run, err := fleets.Submit(ctx, tenant.FleetRequest{
		Kind: tenant.FleetMigrate, Settings: lifecycle.Defaults, Params: params, Reason: "a benchmark", IdempotencyKey: uuid.NewString(),
	}, tenant.Caller{Client: "bench", Actor: "bench"})
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for err == nil && !run.State.Closed() && run.State != tenant.FleetPaused {
		<-look.C
		run, err = fleets.Find(ctx, run.ID)
	}
	if err == nil && run.State != tenant.FleetCompleted {
		err = fmt.Errorf("the run is %s: %s", run.State, run.Note)
	}
	return time.Since(began).Seconds(), err
}
