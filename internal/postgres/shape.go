package postgres

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"
)

// shape is what a schema is made of, as far as one can be compared with another of
// another name: definitions name what is in the schema without it.
type shape struct {
	// Relations are the kinds of tables, views and the like, by name.
	Relations   map[string]string `json:"relations"`
	Columns     []shapeColumn     `json:"columns"`
	Constraints []shapePart       `json:"constraints"`
	Indexes     []shapePart       `json:"indexes"`
	// Others are parts that nothing but the template can make, in words, each with the
	// relation that it is a part of.
	Others []shapeOther `json:"others"`
}

type shapeOther struct {
	Part     string `json:"part"`
	Relation string `json:"relation"`
}

type shapeColumn struct {
	Table   string `json:"table"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	NotNull bool   `json:"notNull"`
	// Filled tells that a row may be added without it, though it is NOT NULL.
	Filled bool `json:"filled"`
}

// shapePart is a constraint or an index. Definition has no name in it.
type shapePart struct {
	Table      string `json:"table"`
	Name       string `json:"name"`
	Definition string `json:"def"`
	// Type is pg_constraint's; of an index it is empty.
	Type string `json:"type"`
	// Refers is the table that a foreign key leads to, where that is in the schema.
	Refers string `json:"refers"`
}

// readShape reads what a schema is made of.
func readShape(ctx context.Context, tx pgx.Tx, schema string) (s shape, err error) {
	var found string
	err = within(ctx, tx, schema, func() error { return tx.QueryRow(ctx, shapeOf, schema).Scan(&found) })
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(found), &s)
}

const shapeOf = `
	WITH relations AS (
		SELECT c.oid, c.relnamespace, c.relname, k.what FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1
		JOIN (VALUES ('r', 'table'), ('p', 'table'), ('v', 'view'), ('m', 'materialized view'), ('f', 'foreign table')) AS k (kind, what) ON k.kind = c.relkind::text
	)
	SELECT jsonb_build_object(
		'relations', (SELECT coalesce(jsonb_object_agg(relname, what), '{}') FROM relations),
		'columns', (SELECT coalesce(jsonb_agg(jsonb_build_object('table', r.relname, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
				'notNull', a.attnotnull, 'filled', a.atthasdef OR a.attidentity <> '') ORDER BY r.relname, a.attnum), '[]')
			FROM pg_attribute a JOIN relations r ON r.oid = a.attrelid AND r.what = 'table' WHERE a.attnum > 0 AND NOT a.attisdropped),
		'constraints', (SELECT coalesce(jsonb_agg(jsonb_build_object('table', r.relname, 'name', k.conname, 'type', k.contype, 'def', pg_get_constraintdef(k.oid),
				'refers', coalesce((SELECT f.relname FROM relations f WHERE f.oid = k.confrelid), '')) ORDER BY position(k.contype::text IN 'pucxf'), k.conname), '[]')
			FROM pg_constraint k JOIN relations r ON r.oid = k.conrelid WHERE k.contype <> 'n'),
		'indexes', (SELECT coalesce(jsonb_agg(jsonb_build_object('table', r.relname, 'name', i.relname,
				'def', replace(pg_get_indexdef(i.oid, 0, true), ' INDEX ' || quote_ident(i.relname) || ' ON ', ' INDEX ON ')) ORDER BY i.relname), '[]')
			FROM pg_index x JOIN relations r ON r.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
			WHERE x.indisvalid AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.conrelid = x.indrelid)),
		'others', (SELECT coalesce(jsonb_agg(jsonb_build_object('part', p.part, 'relation', p.relation) ORDER BY p.part), '[]')
			FROM (WITH relations AS (` + partRelations + ` WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1))` + partsOfRelations + `) p
			WHERE p.schema = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND p.part !~ '^(table|column|constraint|index|sequence) '))::text`

// within does something while names without a schema mean those of one.
func within(ctx context.Context, tx pgx.Tx, schema string, do func() error) error {
	var before string
	err := tx.QueryRow(ctx, `SELECT current_setting('search_path'), set_config('search_path', $1::text, true)`, pgx.Identifier{schema}.Sanitize()).Scan(&before, nil)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `SELECT set_config('search_path', $1::text, true)`, before)
	return err
}

// columnsOf are the columns of a table by name.
func (s shape) columnsOf(table string) map[string]shapeColumn {
	columns := map[string]shapeColumn{}
	for _, c := range s.Columns {
		if c.Table == table {
			columns[c.Name] = c
		}
	}
	return columns
}
