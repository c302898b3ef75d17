// Package migrations holds the SQL of the two databases within one: control/,
// the tables of this control plane, applied by goose; and tenant/, the template
// of every tenant's schema, applied by the CreateSchema step.
package migrations

import (
	"embed"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
)

//go:embed control/*.sql
var control embed.FS

//go:embed tenant/*.sql
var tenantFiles embed.FS

// Control holds goose's files for the control tables.
func Control() fs.FS {
	sub, err := fs.Sub(control, "control")
	if err != nil {
		panic(err) //nolint:forbidigo // the folder is embedded: this cannot fail in a binary that was built
	}
	return sub
}

// ControlVersion is the number of the newest control migration: what a database
// must have at least for this build to work on it.
func ControlVersion() (int64, error) {
	names, err := fs.Glob(control, "control/*.sql") // sorted
	if err != nil || len(names) == 0 {
		return 0, fmt.Errorf("list the control migrations: %w", err)
	}
	return number(strings.TrimPrefix(names[len(names)-1], "control/"))
}

// number is what a file's name begins with, as in 00002_what.sql.
func number(name string) (int64, error) {
	digits, _, _ := strings.Cut(name, "_")
	return strconv.ParseInt(digits, 10, 64)
}

// Template is the SQL that makes a tenant's tables in a new schema.
type Template struct {
	// Version is the number of the newest file.
	Version int64
	// SQL is all files in order. :"schema" and :"role" stand for the quoted
	// names.
	SQL string
	// Files are the same one by one.
	Files []File
}

// File is one step of the template, from the version before to its own.
type File struct {
	Version int64
	// Name is that of the file, as 00002_what.sql.
	Name string
	SQL  string
}

// For is the file's SQL for one tenant, as Template's For.
func (f File) For(schema, role string) string { return filledIn(f.SQL, schema, role) }

// With is the template with one more file, whose number is the next.
func (t Template) With(name, sql string) Template {
	t.Version++
	t.Files = append(slices.Clip(t.Files), File{Version: t.Version, Name: fmt.Sprintf("%05d_%s.sql", t.Version, name), SQL: sql})
	t.SQL += sql + "\n"
	return t
}

// Between is the files that lead from a version to a later one.
func (t Template) Between(from, to int64) []File {
	return slices.DeleteFunc(slices.Clone(t.Files), func(f File) bool { return f.Version <= from || f.Version > to })
}

// Tenant reads the template of every tenant's schema. It fails when a file's
// name does not begin with its number.
func Tenant() (Template, error) { return TenantAt(math.MaxInt64) }

// TenantAt reads the template as it was when newest was its newest file.
func TenantAt(newest int64) (Template, error) {
	names, err := fs.Glob(tenantFiles, "tenant/*.sql") // sorted
	if err != nil {
		return Template{}, fmt.Errorf("list the tenant migrations: %w", err)
	}
	var t Template
	var sql strings.Builder
	for _, name := range names {
		v, err := number(strings.TrimPrefix(name, "tenant/"))
		if err != nil || v <= t.Version {
			return Template{}, fmt.Errorf("migrations/%s: the name must begin with a number above %d, as in 00002_what.sql", name, t.Version)
		}
		if v > newest {
			break
		}
		text, err := tenantFiles.ReadFile(name)
		if err != nil {
			return Template{}, fmt.Errorf("read migrations/%s: %w", name, err)
		}
		t.Version = v
		t.Files = append(t.Files, File{Version: v, Name: strings.TrimPrefix(name, "tenant/"), SQL: string(text)})
		sql.Write(text)
		sql.WriteByte('\n')
	}
	t.SQL = sql.String()
	return t, nil
}

// For is the template's SQL for one tenant; both names must be quoted
// identifiers.
func (t Template) For(schema, role string) string { return filledIn(t.SQL, schema, role) }

func filledIn(sql, schema, role string) string {
	return strings.NewReplacer(`:"schema"`, schema, `:"role"`, role).Replace(sql)
}
