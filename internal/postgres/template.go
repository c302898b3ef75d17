package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/migrations"
)

// made is what the template of one version makes in a schema: its parts and
// privileges as JSON, the columns of its tables, and how it compares with others.
type made struct {
	parts, grants string
	tables        map[string][]backup.Column
	shape         shape
}

// errUndo ends the transaction that has tried the template.
var errUndo = errors.New("nothing of it is kept")

// templateOf tells what the template of a version makes, by making it where
// nobody sees it. Nothing is parsed, so whatever a file does is told. It is done
// once for a version in the life of the process.
func (s *Schemas) templateOf(ctx context.Context, version int64) (made, error) {
	s.templates.Lock()
	defer s.templates.Unlock()
	if m, known := s.templates.made[version]; known {
		return m, nil
	}
	template, err := migrations.TenantAt(version)
	if err != nil {
		return made{}, err
	}
	var m made
	err = pgx.BeginFunc(ctx, s.schemas, func(tx pgx.Tx) error {
		if m, err = tryTemplate(ctx, tx, template); err != nil {
			return err
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		return made{}, fmt.Errorf("try the template of version %d: %w", version, err)
	}
	if s.templates.made == nil {
		s.templates.made = map[int64]made{}
	}
	s.templates.made[version] = m
	return m, nil
}

func tryTemplate(ctx context.Context, tx pgx.Tx, template migrations.Template) (made, error) {
	name := "tp_template_" + strings.ToLower(rand.Text()[:16])
	quoted := pgx.Identifier{name}.Sanitize()
	b := &pgx.Batch{}
	b.Queue(`CREATE ROLE ` + quoted)
	b.Queue(`CREATE SCHEMA ` + quoted)
	b.Queue(`SELECT run_script($1::text)`, template.For(quoted, quoted))
	if err := run(ctx, tx, b); err != nil {
		return made{}, err
	}
	var m made
	var tables string
	err := tx.QueryRow(ctx, `
		SELECT (`+schemaTables+`), (SELECT coalesce(jsonb_agg(p), '[]') FROM (`+schemaParts+`) p WHERE p.schema = n.oid)::text,
			(SELECT coalesce(jsonb_agg(g), '[]') FROM (`+schemaGrants+`) g WHERE g.schema = n.oid AND (g.grantee = 0 OR g.grantee = r.oid))::text
		FROM pg_namespace n, pg_roles r WHERE n.nspname = $1 AND r.rolname = $1`, name).Scan(&tables, &m.parts, &m.grants)
	if err != nil {
		return made{}, err
	}
	if m.shape, err = readShape(ctx, tx, name); err != nil {
		return made{}, err
	}
	return m, json.Unmarshal([]byte(tables), &m.tables)
}

// schemaParts are the parts of all schemas, each with the relation that it is a
// part of. What a type or a function is like is not compared: a tenant's may be
// ahead of the template.
const schemaParts = `WITH relations AS (` + partRelations + `)` + partsOfRelations

// partRelations are the relations of all schemas, to which a condition may be added: who
// asks for one schema at a time would read those of all each time.
const partRelations = `
	SELECT c.oid, c.relnamespace, c.relname, k.what || ' ' || c.relname AS part, c.relrowsecurity FROM pg_class c
	JOIN (VALUES ('r', 'table'), ('p', 'table'), ('v', 'view'), ('m', 'materialized view'), ('S', 'sequence')) AS k (kind, what) ON k.kind = c.relkind::text`

const partsOfRelations = `
	SELECT relnamespace AS schema, part, '' AS relation FROM relations
	UNION ALL
	SELECT r.relnamespace, 'column ' || r.relname || '.' || a.attname, r.part FROM pg_attribute a JOIN relations r ON r.oid = a.attrelid
	WHERE a.attnum > 0 AND NOT a.attisdropped AND r.part NOT LIKE 'sequence %'
	UNION ALL
	SELECT r.relnamespace, 'index ' || i.relname, r.part FROM pg_index x JOIN relations r ON r.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
	WHERE x.indisvalid AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.conrelid = x.indrelid)
	UNION ALL
	SELECT r.relnamespace, 'constraint ' || k.conname || ' of ' || r.relname, r.part FROM pg_constraint k JOIN relations r ON r.oid = k.conrelid
	WHERE k.contype <> 'n' /* a column that is NOT NULL, since PostgreSQL 18 */
	UNION ALL
	SELECT r.relnamespace, 'trigger ' || g.tgname || ' of ' || r.relname, r.part FROM pg_trigger g JOIN relations r ON r.oid = g.tgrelid
	WHERE NOT g.tgisinternal AND g.tgenabled <> 'D'
	UNION ALL
	SELECT r.relnamespace, 'policy ' || p.polname || ' of ' || r.relname, r.part FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
	UNION ALL
	SELECT relnamespace, 'row security of ' || relname, part FROM relations WHERE relrowsecurity
	UNION ALL
	SELECT pronamespace, 'function ' || proname, '' FROM pg_proc
	UNION ALL
	SELECT typnamespace, 'type ' || typname, '' FROM pg_type WHERE typtype IN ('e', 'd')`

// schemaGrants are the privileges in all schemas: of the schema itself, of what
// is in it and of single columns.
const schemaGrants = `
	SELECT n.oid AS schema, x.grantee, 'SCHEMA' AS kind, '' AS relation, '' AS col, x.privilege_type AS privilege, x.is_grantable AS grantable
	FROM pg_namespace n, aclexplode(n.nspacl) x
	UNION ALL
	SELECT c.relnamespace, x.grantee, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.relname, '', x.privilege_type, x.is_grantable
	FROM pg_class c, aclexplode(c.relacl) x
	UNION ALL
	SELECT c.relnamespace, x.grantee, 'TABLE', c.relname, a.attname, x.privilege_type, x.is_grantable
	FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) x WHERE a.attacl IS NOT NULL`
