package temporalserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql" // store postgres
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"     // stores sqlite and memory
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/tools/common/schema"
	sqltool "go.temporal.io/server/tools/sql"

	"tenant-provisioning/deploy/devstack/internal/pgserver"
)

// postgresPlugin is Temporal's name for PostgreSQL 12 and newer through pgx.
const postgresPlugin = "postgres12_pgx"

// prepareStores makes databases, tables and the namespace that are missing.
func prepareStores(ctx context.Context, cfg Config, logger log.Logger) (map[string]config.DataStore, error) {
	var main, visibility *config.SQL
	var err error
	switch cfg.Store.Kind {
	case Postgres:
		main, visibility, err = preparePostgres(ctx, cfg.Store, logger)
	case SQLite:
		main, err = prepareSQLite(cfg.Store.File)
		visibility = main
	case Memory:
		main = &config.SQL{
			PluginName: "sqlite", DatabaseName: "devstack",
			ConnectAttributes: map[string]string{"mode": "memory", "cache": "shared"},
		}
		visibility = main
	}
	if err != nil {
		return nil, err
	}
	if cfg.Namespace != "" {
		namespace, err := sqliteschema.NewNamespaceConfig(clusterName, cfg.Namespace, false, nil)
		if err != nil {
			return nil, fmt.Errorf("describe namespace %s: %w", cfg.Namespace, err)
		}
		// Despite its name it writes to any SQL store.
		if err := sqliteschema.CreateNamespaces(main, namespace); err != nil {
			return nil, fmt.Errorf("make namespace %s: %w", cfg.Namespace, err)
		}
	}
	return map[string]config.DataStore{mainStore: {SQL: main}, visibilityStore: {SQL: visibility}}, nil
}

func preparePostgres(ctx context.Context, store Store, logger log.Logger) (main, visibility *config.SQL, err error) {
	if main, err = preparePostgresDatabase(ctx, store, store.Database, "temporal", logger); err != nil {
		return nil, nil, err
	}
	visibility, err = preparePostgresDatabase(ctx, store, store.Database+"_visibility", "visibility", logger)
	return main, visibility, err
}

// preparePostgresDatabase makes one database and brings its tables to the version
// of this server. An update that was interrupted goes on where it was.
func preparePostgresDatabase(ctx context.Context, store Store, name, tables string, logger log.Logger) (*config.SQL, error) {
	if err := pgserver.EnsureDatabase(ctx, store.url(), name); err != nil {
		return nil, err
	}
	cfg := store.sql(name)
	db, err := sqltool.NewConnection(cfg, logger)
	if err != nil {
		return nil, fmt.Errorf("connect to Temporal's database %s: %w", name, err)
	}
	defer db.Close()
	if err := schema.NewSetupSchemaTask(db, &schema.SetupConfig{InitialVersion: "0.0"}, logger).Run(); err != nil {
		return nil, fmt.Errorf("prepare Temporal's database %s: %w", name, err)
	}
	update := &schema.UpdateConfig{SchemaName: "postgresql/v12/" + tables}
	if err := schema.NewUpdateSchemaTask(db, update, logger).Run(); err != nil {
		return nil, fmt.Errorf("update the tables of Temporal's database %s: %w", name, err)
	}
	return cfg, nil
}

func (s Store) url() string {
	return pgserver.URL(s.Host, s.Port, s.User, s.Password, "postgres")
}

func (s Store) sql(database string) *config.SQL {
	return &config.SQL{
		PluginName: postgresPlugin, DatabaseName: database,
		ConnectAddr: net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), ConnectProtocol: "tcp",
		User: s.User, Password: s.Password,
		MaxConns: 20, MaxIdleConns: 20, MaxConnLifetime: time.Hour,
	}
}

func prepareSQLite(file string) (*config.SQL, error) {
	cfg := &config.SQL{
		PluginName: "sqlite", DatabaseName: file,
		// WAL and full synchronisation: what was acknowledged survives kill -9.
		ConnectAttributes: map[string]string{"mode": "rwc", "journal_mode": "wal", "synchronous": "2"},
	}
	_, err := os.Stat(file)
	if err == nil {
		return cfg, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("look for Temporal's SQLite file: %w", err)
	}
	// Made beside its place: a file that exists is whole.
	fresh := *cfg
	fresh.DatabaseName = file + ".new"
	for _, name := range []string{fresh.DatabaseName, fresh.DatabaseName + "-wal", fresh.DatabaseName + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("remove an unfinished SQLite file: %w", err)
		}
	}
	fresh.ConnectAttributes = map[string]string{"mode": "rwc"} // no WAL: one file to rename
	if err := sqliteschema.SetupSchema(&fresh); err != nil {
		return nil, fmt.Errorf("make Temporal's SQLite file %s: %w", file, err)
	}
	if err := os.Rename(fresh.DatabaseName, file); err != nil {
		return nil, fmt.Errorf("put Temporal's SQLite file into place: %w", err)
	}
	return cfg, nil
}
