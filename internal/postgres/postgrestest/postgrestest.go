// Package postgrestest gives each test a database of its own on the real
// server that the embedded stack runs: migrated, made from a template in some
// 50 ms, dropped when the test ends.
package postgrestest

import (
	"context"
	"crypto/rand"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
)

const setupTimeout = 2 * time.Minute

// maintenance is the database that every server has.
const maintenance = "postgres"

// owner is the product's login, as on a managed server: it owns its databases and
// may make roles, and is no superuser. All tests share it, as they share the
// server.
const owner = "platform"

// Superuser is the connection of the stack's server, from DB_HOST and the other
// DB_ variables. Without them the test is skipped, or fails under CI, where a
// skip would hide everything.
func Superuser(t testing.TB) postgres.Config {
	t.Helper()
	if os.Getenv("DB_HOST") == "" {
		const hint = "needs the embedded stack: run it by `make test`, or `bin/devstack up --ephemeral --no-setup -- go test ./...`"
		if os.Getenv("CI") == "true" {
			t.Fatal(hint)
		}
		t.Skip(hint)
	}
	port, err := strconv.Atoi(os.Getenv("DB_PORT"))
	require.NoError(t, err, "DB_PORT")
	return postgres.Config{
		Host: os.Getenv("DB_HOST"), Port: port, User: os.Getenv("DB_USERNAME"), Password: os.Getenv("DB_PASSWORD"),
		Database: os.Getenv("DB_NAME"), SSLMode: "disable", MaxConns: 6, ApplicationName: "test",
	}
}

// New is a pool on a fresh, migrated database.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, _ := NewWithConfig(t)
	return pool
}

// NewWithConfig is New, with the connection settings for a process that the
// test starts.
func NewWithConfig(t testing.TB) (*pgxpool.Pool, postgres.Config) {
	t.Helper()
	return NewOn(t, Superuser(t))
}

// NewOn is NewWithConfig on the server of a superuser.
func NewOn(t testing.TB, superuser postgres.Config) (*pgxpool.Pool, postgres.Config) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	template, err := ensureTemplate(ctx, superuser)
	require.NoError(t, err, "make the template database")
	c := asOwner(superuser)
	c.Database = fresh()
	Execute(t, superuser, `CREATE DATABASE `+c.Database+` TEMPLATE `+template+` OWNER `+owner)
	pool, err := Open(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		pool.Close()
		drop(t, superuser, c.Database)
	})
	// Each database is an installation of its own, though all share the
	// server's roles.
	_, err = pool.Exec(ctx, `UPDATE installation SET id = gen_random_uuid()`)
	require.NoError(t, err)
	return pool, c
}

// Empty is a fresh database that is not migrated. options are those of CREATE
// DATABASE.
func Empty(t testing.TB, options string) postgres.Config {
	t.Helper()
	superuser := Superuser(t)
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	require.NoError(t, admin(ctx, superuser, func(conn *pgx.Conn) error { return ensureOwner(ctx, conn, superuser) }))
	c := asOwner(superuser)
	c.Database = fresh()
	Execute(t, superuser, `CREATE DATABASE `+c.Database+` OWNER `+owner+` `+options)
	t.Cleanup(func() { drop(t, superuser, c.Database) })
	return c
}

func fresh() string { return "test_" + strings.ToLower(rand.Text()[:12]) }

// Copy is a copy of a test's database on the same server, as a person makes one:
// whoever is connected to the original is thrown out for that moment.
func Copy(t testing.TB, c postgres.Config) postgres.Config {
	t.Helper()
	original := c.Database
	c.Database = "copy_" + strings.ToLower(rand.Text()[:12])
	Execute(t, Superuser(t),
		`ALTER DATABASE `+original+` ALLOW_CONNECTIONS false`,
		`SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '`+original+`'`,
		`CREATE DATABASE `+c.Database+` TEMPLATE `+original+` OWNER `+owner,
		`ALTER DATABASE `+original+` ALLOW_CONNECTIONS true`)
	t.Cleanup(func() { Drop(t, c) })
	return c
}

// Drop drops a database of the stack's server, if it is there.
func Drop(t testing.TB, c postgres.Config) {
	t.Helper()
	drop(t, Superuser(t), c.Database)
}

func drop(t testing.TB, superuser postgres.Config, database string) {
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	if err := admin(ctx, superuser, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `DROP DATABASE IF EXISTS `+database+` WITH (FORCE)`)
		return err
	}); err != nil {
		t.Logf("drop %s: %v", database, err)
	}
}

// Execute runs statements in the server's maintenance database.
func Execute(t testing.TB, superuser postgres.Config, statements ...string) {
	t.Helper()
	superuser.Database = maintenance
	ExecuteIn(t, superuser, statements...)
}

// ExecuteIn runs statements in the database that is named.
func ExecuteIn(t testing.TB, c postgres.Config, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	require.NoError(t, in(ctx, c, func(conn *pgx.Conn) error {
		for _, sql := range statements {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	}))
}

func asOwner(superuser postgres.Config) postgres.Config {
	superuser.User = owner
	return superuser
}

// ensureOwner makes the login. Whoever calls it has the lock on the template.
func ensureOwner(ctx context.Context, conn *pgx.Conn, superuser postgres.Config) error {
	_, err := conn.Exec(ctx, `DO $$ BEGIN
		PERFORM pg_advisory_xact_lock(hashtext('owner'));
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '`+owner+`') THEN
			EXECUTE format('CREATE ROLE `+owner+` LOGIN CREATEROLE CREATEDB PASSWORD %L', '`+superuser.Password+`');
		END IF;
	END $$`)
	return err
}

// Open makes the product's pool, with more patience: a server that is busy with
// other tests does not always let somebody in within three seconds.
func Open(c postgres.Config) (*pgxpool.Pool, error) {
	product, err := postgres.Open(context.Background(), c)
	if err != nil {
		return nil, err
	}
	defer product.Close()
	patient := product.Config()
	patient.ConnConfig.ConnectTimeout = setupTimeout
	return pgxpool.NewWithConfig(context.Background(), patient)
}

// admin runs do on a connection to the server's maintenance database.
func admin(ctx context.Context, c postgres.Config, do func(*pgx.Conn) error) error {
	c.Database = maintenance
	return in(ctx, c, do)
}

func in(ctx context.Context, c postgres.Config, do func(*pgx.Conn) error) error {
	pool, err := Open(c)
	if err != nil {
		return err
	}
	defer pool.Close()
	return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return do(conn.Conn()) })
}
