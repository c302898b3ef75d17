package postgrestest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"sync"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/migrations"
)

// template is the name of the template database, by the server's port.
var template = struct {
	sync.Mutex
	on map[int]string
}{on: map[int]string{}}

// ensureTemplate makes the template once per server and state of the
// migrations; test binaries at the same time wait for each other.
func ensureTemplate(ctx context.Context, c postgres.Config) (string, error) {
	template.Lock()
	defer template.Unlock()
	if name := template.on[c.Port]; name != "" {
		return name, nil
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
		if err := ensureOwner(ctx, conn, c); err != nil {
			return err
		}
		return makeTemplate(ctx, conn, asOwner(c), name)
	})
	if err == nil {
		template.on[c.Port] = name
	}
	return name, err
}

// makeTemplate migrates under another name first: a template that was
// interrupted half-way is never found.
func makeTemplate(ctx context.Context, conn *pgx.Conn, c postgres.Config, name string) error {
	c.Database = name + "_new"
	for _, sql := range []string{`DROP DATABASE IF EXISTS ` + c.Database + ` WITH (FORCE)`, `CREATE DATABASE ` + c.Database + ` OWNER ` + owner} {
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
