// Package postgrestest gives each test a database of its own on the real
// server that the embedded stack runs: migrated, made from a template in some
// 50 ms, dropped when the test ends.
package postgrestest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/migrations"
)

const setupTimeout = 2 * time.Minute

// Config is the connection of the stack's server, from DB_HOST and the other
// DB_ variables. Without them the test is skipped, or fails under CI, where a
// skip would hide everything.
func Config(t testing.TB) postgres.Config {
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
	c := Config(t)
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	template, err := ensureTemplate(ctx, c)
	require.NoError(t, err, "make the template database")
	server := c
	c.Database = "test_" + strings.ToLower(rand.Text()[:12])
	require.NoError(t, admin(ctx, server, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `CREATE DATABASE `+c.Database+` TEMPLATE `+template)
		return err
	}))
	pool, err := Open(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		pool.Close()
		Drop(t, c)
	})
	// Each database is an installation of its own, though all share the
	// server's roles.
	_, err = pool.Exec(ctx, `UPDATE installation SET id = gen_random_uuid()`)
	require.NoError(t, err)
	return pool, c
}

// Copy is a copy of a test's database on the same server, as a person makes one:
// whoever is connected to the original is thrown out for that moment.
func Copy(t testing.TB, c postgres.Config) postgres.Config {
	t.Helper()
	original, server := c.Database, c
	c.Database = "copy_" + strings.ToLower(rand.Text()[:12])
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	require.NoError(t, admin(ctx, server, func(conn *pgx.Conn) error {
		for _, sql := range []string{
			`ALTER DATABASE ` + original + ` ALLOW_CONNECTIONS false`,
			`SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '` + original + `'`,
			`CREATE DATABASE ` + c.Database + ` TEMPLATE ` + original,
			`ALTER DATABASE ` + original + ` ALLOW_CONNECTIONS true`,
		} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	}))
	t.Cleanup(func() { Drop(t, c) })
	return c
}

// Drop drops a database, if it is there.
func Drop(t testing.TB, c postgres.Config) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	if err := admin(ctx, c, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `DROP DATABASE IF EXISTS `+c.Database+` WITH (FORCE)`)
		return err
	}); err != nil {
		t.Logf("drop %s: %v", c.Database, err)
	}
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
	patient.ConnConfig.ConnectTimeout, patient.PingTimeout = setupTimeout, setupTimeout
	return pgxpool.NewWithConfig(context.Background(), patient)
}

var template struct {
	sync.Mutex
	name string
}

// ensureTemplate makes the template once per server and state of the
// migrations; test binaries at the same time wait for each other.
func ensureTemplate(ctx context.Context, c postgres.Config) (string, error) {
	template.Lock()
	defer template.Unlock()
	if template.name != "" {
		return template.name, nil
	}
	sum, err := fingerprint()
	if err != nil {
		return "", err
	}
	name := "template_" + sum
	err = admin(ctx, c, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtext('template'))`); err != nil {
			return err
		}
		var exists bool
		if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil || exists {
			return err
		}
		return makeTemplate(ctx, conn, c, name)
	})
	if err == nil {
		template.name = name
	}
	return name, err
}

// makeTemplate migrates under another name first: a template that was
// interrupted half-way is never found.
func makeTemplate(ctx context.Context, conn *pgx.Conn, c postgres.Config, name string) error {
	c.Database = name + "_new"
	for _, sql := range []string{`DROP DATABASE IF EXISTS ` + c.Database + ` WITH (FORCE)`, `CREATE DATABASE ` + c.Database} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	pool, err := Open(c)
	if err != nil {
		return err
	}
	_, _, err = postgres.Migrate(ctx, pool)
	pool.Close()
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `ALTER DATABASE `+c.Database+` RENAME TO `+name)
	return err
}

func fingerprint() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(migrations.Control(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.Control(), path)
		h.Write(text)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the control migrations: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// admin runs do on a connection to the server's maintenance database.
func admin(ctx context.Context, c postgres.Config, do func(*pgx.Conn) error) error {
	c.Database = "postgres"
	conn, err := pgx.Connect(ctx, c.URL())
	if err != nil {
		return fmt.Errorf("connect to the server: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is left to lose
	return do(conn)
}
