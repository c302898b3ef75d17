package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/operations"
)

const (
	// backupRows is how many rows of 200 bytes each table has.
	backupRows = 50
	// dumpSample is how many tenants pg_dump dumps: all would take hours.
	dumpSample = 20
	// drillSample is of how many tenants at most the backup is restored for practice.
	drillSample = 1000
)

// Backup is a backup of every tenant by the product's worker, beside pg_dump -n of a
// sample of the same tenants and a plain loop that copies their tables into files; and a
// drill of what it has made.
type Backup struct {
	Tenants int `json:"tenants"`
	Tables  int `json:"tables"`
	Rows    int `json:"rows"`
	// TableMiB is the size of one table more, of one tenant.
	TableMiB int `json:"tableMiB,omitempty"`
	// Dump is pg_dump -n of a sample, DumpAll the seconds that it would take of all.
	Dump    *Cost   `json:"dumpOfSample,omitempty"`
	DumpAll float64 `json:"dumpOfAllSeconds,omitempty"`
	// Plain is a loop that neither encrypts nor reads back.
	Plain *Cost `json:"plainLoop,omitempty"`
	// Backup is from the acceptance until the control tables are backed up.
	Backup  Cost    `json:"backup"`
	OfDump  float64 `json:"ofDump,omitempty"`
	OfPlain float64 `json:"ofPlain,omitempty"`
	MiB     float64 `json:"mebibytes"` // of archives
	// Drill restores the backups of Drilled tenants and undoes that.
	Drill   Cost `json:"drill"`
	Drilled int  `json:"drilled"`
	// Before is the worker's memory when it has started, AfterBackup and AfterDrill have
	// its peak until then.
	Before      Memory `json:"memoryBefore"`
	AfterBackup Memory `json:"memoryAfterBackup"`
	AfterDrill  Memory `json:"memoryAfterDrill"`
}

// measureBackup makes tenants, and backs them up in three ways.
func measureBackup(ctx context.Context, bin string, tenants, table int) (*Backup, error) {
	cfg, err := config.Load(config.Options{}, config.NeedDB|config.NeedTemporal|config.NeedMetrics)
	if err != nil {
		return nil, err
	}
	pool, err := connect.Database(ctx, cfg.DB, "bench", connect.Metrics{})
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	fmt.Fprintf(os.Stderr, "bench: makes %d tenants of %d tables\n", tenants, migrateTables)
	schemas, err := fillTenants(ctx, pool, tenants)
	if err != nil {
		return nil, err
	}
	if err := fillTables(ctx, pool, schemas); err != nil {
		return nil, fmt.Errorf("fill the tables: %w", err)
	}
	if table > 0 {
		if err := fillLarge(ctx, pool, schemas[0], table); err != nil {
			return nil, fmt.Errorf("fill a table of %d MiB: %w", table, err)
		}
	}
	b := &Backup{TableMiB: table, Tenants: tenants, Tables: migrateTables, Rows: backupRows}
	if table == 0 { // of a large one, memory is what is asked for
		if err := b.byOthers(ctx, cfg.DB, pool, schemas); err != nil {
			return nil, err
		}
	}
	fmt.Fprintln(os.Stderr, "bench: a backup")
	if err := b.byWorker(ctx, bin, cfg, pool); err != nil {
		return nil, err
	}
	if table == 0 {
		b.OfDump, b.OfPlain = round(b.Backup.Seconds/b.DumpAll), round(b.Backup.Seconds/b.Plain.Seconds)
	}
	return b, nil
}

// byOthers measures pg_dump of a sample, and a plain loop.
func (b *Backup) byOthers(ctx context.Context, db config.DB, pool *pgxpool.Pool, schemas []string) error {
	sample := schemas[:min(dumpSample, len(schemas))]
	fmt.Fprintf(os.Stderr, "bench: pg_dump of %d\n", len(sample))
	dumped, err := cost(func() error { return dump(ctx, db, sample) })
	if err != nil {
		return err
	}
	b.Dump, b.DumpAll = &dumped, round(dumped.Seconds/float64(len(sample))*float64(len(schemas)))
	fmt.Fprintln(os.Stderr, "bench: a plain loop")
	plain, err := cost(func() error { return copyPlainly(ctx, pool, schemas) })
	if err != nil {
		return fmt.Errorf("copy by a plain loop: %w", err)
	}
	b.Plain = &plain
	return nil
}

func fillTables(ctx context.Context, pool *pgxpool.Pool, schemas []string) error {
	filling, of := errgroup.WithContext(ctx)
	filling.SetLimit(fillers)
	for _, schema := range schemas {
		filling.Go(func() error {
			b := &pgx.Batch{}
			for t := range migrateTables {
				b.Queue(fmt.Sprintf(`INSERT INTO %s SELECT n, repeat(md5(n::text || $1), 6) FROM generate_series(1, %d) n`,
					pgx.Identifier{schema, "t_" + strconv.Itoa(t+1)}.Sanitize(), backupRows), schema+strconv.Itoa(t))
			}
			b.Queue(`UPDATE tenants SET activated_at = now() WHERE schema_name = $1`, schema)
			return pool.SendBatch(of, b).Close()
		})
	}
	if err := filling.Wait(); err != nil {
		return err
	}
	_, err := pool.Exec(ctx, `ANALYZE`)
	return err
}

// fillLarge adds a table of rows of 1 KiB, an eighth of which is random.
func fillLarge(ctx context.Context, pool *pgxpool.Pool, schema string, mebibytes int) error {
	table := pgx.Identifier{schema, "large"}.Sanitize()
	if _, err := pool.Exec(ctx, `CREATE TABLE `+table+` (id bigint, what text)`); err != nil {
		return err
	}
	_, err := pool.Exec(ctx, fmt.Sprintf(`INSERT INTO %s SELECT n, repeat(md5(n::text) || md5((-n)::text) || md5((n + 0.5)::text) || md5((n + 0.25)::text), 8)
		FROM generate_series(1, %d) n`, table, mebibytes*1024))
	return err
}

// dump runs pg_dump of each schema, compressed.
func dump(ctx context.Context, db config.DB, schemas []string) error {
	dir, err := os.MkdirTemp("", "bench-dump")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, schema := range schemas {
		cmd := exec.CommandContext(ctx, "pg_dump", "-Fc", "-n", schema, "-f", filepath.Join(dir, schema), db.Name)
		cmd.Env = append(os.Environ(), "PGHOST="+db.Host, "PGPORT="+strconv.Itoa(db.Port), "PGUSER="+db.Username, "PGPASSWORD="+db.Password.Reveal(), "PGSSLMODE="+string(db.SSLMode))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("pg_dump -n %s: %w: %s", schema, err, out)
		}
	}
	return nil
}

// copyPlainly does what a script does: one schema after the other, each in a snapshot of
// its own and into a compressed file.
func copyPlainly(ctx context.Context, pool *pgxpool.Pool, schemas []string) error {
	dir, err := os.MkdirTemp("", "bench-copy")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, schema := range schemas {
		err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			return copySchema(ctx, tx, schema, filepath.Join(dir, schema))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func copySchema(ctx context.Context, tx pgx.Tx, schema, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	packed, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1))
	for t := 0; t < migrateTables && err == nil; t++ {
		_, err = tx.Conn().PgConn().CopyTo(ctx, packed, `COPY `+pgx.Identifier{schema, "t_" + strconv.Itoa(t+1)}.Sanitize()+` TO STDOUT`)
	}
	return errors.Join(err, packed.Close(), f.Close())
}

// byWorker starts a worker and has it back up everything, and then restore some of that.
func (b *Backup) byWorker(ctx context.Context, bin string, cfg *config.Config, pool *pgxpool.Pool) error {
	process, end, err := product{bin: bin}.program(ctx, "worker")
	if err != nil {
		return err
	}
	defer end()
	if err := process.Ready(ctx, readyTimeout, answers("http://"+cfg.Metrics.Addr+"/readyz")); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	temporal, err := connect.Temporal(cfg.Temporal, log, nil, connect.Metrics{})
	if err != nil {
		return err
	}
	defer temporal.Close()
	if b.Before, err = memory(process.PID()); err != nil {
		return err
	}
	fleets := connect.Fleets(pool, temporal, cfg.Temporal.TaskQueue, log)
	if b.Backup, err = cost(func() error { return b.backUp(ctx, fleets, pool) }); err != nil {
		return err
	}
	if b.AfterBackup, err = memory(process.PID()); err != nil {
		return err
	}
	b.Drilled = min(drillSample, b.Tenants)
	fmt.Fprintf(os.Stderr, "bench: a drill of %d\n", b.Drilled)
	if b.Drill, err = cost(func() error { return b.drill(ctx, fleets, pool) }); err != nil {
		return err
	}
	b.AfterDrill, err = memory(process.PID())
	return err
}

func (b *Backup) backUp(ctx context.Context, fleets *operations.Fleets, pool *pgxpool.Pool) error {
	run, err := fleets.Backup(ctx, nil, "a benchmark", benchmark)
	if err == nil {
		err = completed(ctx, fleets, run.ID)
	}
	if err != nil {
		return err
	}
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for control := false; !control; <-look.C {
		if err := pool.QueryRow(ctx, `SELECT count(*) FILTER (WHERE tenant_id IS NULL) > 0, coalesce(sum(bytes), 0)::float8 / 1048576 FROM backups WHERE state = 'GOOD'`).Scan(&control, &b.MiB); err != nil {
			return fmt.Errorf("count the backups: %w", err)
		}
	}
	b.MiB = round(b.MiB)
	return nil
}

// drill fails unless every tenant of the sample was restored as it was.
func (b *Backup) drill(ctx context.Context, fleets *operations.Fleets, pool *pgxpool.Pool) error {
	run, err := fleets.Drill(ctx, nil, b.Drilled, "a benchmark", benchmark)
	if err == nil {
		err = completed(ctx, fleets, run.ID)
	}
	if err != nil {
		return err
	}
	var held int
	if err := pool.QueryRow(ctx, `SELECT count(*) FROM restore_drills WHERE held`).Scan(&held); err != nil {
		return fmt.Errorf("count the drills that held: %w", err)
	}
	if held != b.Drilled {
		return fmt.Errorf("of %d drills %d held; the table restore_drills says why", b.Drilled, held)
	}
	return nil
}
