package postgres

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// adoption is what makes a schema one of ours: what the template has and the schema
// lacks is added, each with what takes it off again. Rows are not changed, and nothing
// that is there is, except names of constraints and indexes.
type adoption struct {
	// differs says why the schema cannot be adopted, in words; empty when it can.
	differs []string
	// makes lists the tables that the template makes.
	makes []string
	steps []adoptionStep
}

// adoptionStep is a change of a table that is there.
type adoptionStep struct{ says, do, undo string }

// changes says what the adoption does, in words.
func (a adoption) changes() []string {
	var says []string
	for _, table := range a.makes {
		says = append(says, "makes the table "+table)
	}
	for _, s := range a.steps {
		says = append(says, s.says)
	}
	return says
}

// adopting compares a schema with what the template makes.
func adopting(schema string, template, present shape) adoption {
	a := adoption{}
	for _, table := range slices.Sorted(maps.Keys(template.Relations)) {
		kind := template.Relations[table]
		is, there := present.Relations[table]
		switch {
		case there && is == kind && kind == "table":
			a.compareColumns(table, template.columnsOf(table), present.columnsOf(table))
		case there && is != kind:
			a.differ("%s is a %s, and the template's is a %s", table, is, kind)
		case kind == "table":
			a.makes = append(a.makes, table)
		}
	}
	for _, other := range template.Others {
		there := slices.ContainsFunc(present.Others, func(p shapeOther) bool { return p.Part == other.Part })
		if !there && !slices.Contains(a.makes, strings.TrimPrefix(other.Relation, "table ")) {
			a.differ("it lacks the %s, which an import does not make", other.Part)
		}
	}
	for _, c := range template.Constraints {
		a.constraint(schema, c, present.Constraints)
	}
	for _, i := range template.Indexes {
		a.index(schema, i, present.Indexes)
	}
	return a
}

func (a *adoption) differ(format string, args ...any) {
	a.differs = append(a.differs, fmt.Sprintf(format, args...))
}

// compareColumns wants the template's columns as they are. More of them are fine as
// long as a row can be added without them: the invitation adds to the tenant's log.
func (a *adoption) compareColumns(table string, template, present map[string]shapeColumn) {
	for _, name := range slices.Sorted(maps.Keys(template)) {
		want, is := template[name], present[name]
		switch {
		case is.Name == "":
			a.differ("%s has no column %s %s", table, name, want.Type)
		case is.Type != want.Type:
			a.differ("%s.%s is %s, and the template's is %s", table, name, is.Type, want.Type)
		case is.NotNull != want.NotNull:
			a.differ("%s.%s is %s, and the template's is %s", table, name, is.nullability(), want.nullability())
		case want.Filled && !is.Filled:
			a.differ("%s.%s has no default, and the template's has one", table, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(present)) {
		if is := present[name]; template[name].Name == "" && is.NotNull && !is.Filled {
			a.differ("%s.%s is NOT NULL without a default, and the template does not know it", table, name)
		}
	}
}

func (c shapeColumn) nullability() string {
	if c.NotNull {
		return "NOT NULL"
	}
	return "NULL"
}

// constraint has the schema have a constraint of the template, under its name: the
// template's next files may change it.
func (a *adoption) constraint(schema string, want shapePart, present []shapePart) {
	if slices.Contains(a.makes, want.Table) && (want.Type != "f" || want.Refers == "" || slices.Contains(a.makes, want.Refers)) {
		return // comes with its table
	}
	same, clash := twin(want, present)
	table, name := pgx.Identifier{schema, want.Table}.Sanitize(), pgx.Identifier{want.Name}.Sanitize()
	switch {
	case same == want.Name:
	case clash != "":
		a.differ("%s has the constraint %s, which is %s, and the template's is %s", want.Table, want.Name, clash, want.Definition)
	case same != "":
		old := pgx.Identifier{same}.Sanitize()
		a.steps = append(a.steps, adoptionStep{
			says: "renames the constraint " + same + " of " + want.Table + " to " + want.Name,
			do:   "ALTER TABLE " + table + " RENAME CONSTRAINT " + old + " TO " + name,
			undo: "ALTER TABLE " + table + " RENAME CONSTRAINT " + name + " TO " + old,
		})
	case want.Type == "p" && slices.ContainsFunc(present, func(p shapePart) bool { return p.Table == want.Table && p.Type == "p" }):
		a.differ("%s has another primary key than the template's %s", want.Table, want.Definition)
	default:
		a.steps = append(a.steps, adoptionStep{
			says: "adds the constraint " + want.Name + " to " + want.Table + ", " + want.Definition,
			do:   "ALTER TABLE " + table + " ADD CONSTRAINT " + name + " " + want.Definition,
			undo: "ALTER TABLE IF EXISTS " + table + " DROP CONSTRAINT IF EXISTS " + name,
		})
	}
}

func (a *adoption) index(schema string, want shapePart, present []shapePart) {
	if slices.Contains(a.makes, want.Table) {
		return
	}
	same, clash := twin(want, present)
	name := pgx.Identifier{want.Name}.Sanitize()
	switch {
	case same == want.Name:
	case clash != "":
		a.differ("the index %s is %s, and the template's is %s", want.Name, clash, want.Definition)
	case same != "":
		old := pgx.Identifier{same}.Sanitize()
		a.steps = append(a.steps, adoptionStep{
			says: "renames the index " + same + " to " + want.Name,
			do:   "ALTER INDEX " + pgx.Identifier{schema, same}.Sanitize() + " RENAME TO " + name,
			undo: "ALTER INDEX IF EXISTS " + pgx.Identifier{schema, want.Name}.Sanitize() + " RENAME TO " + old,
		})
	default:
		a.steps = append(a.steps, adoptionStep{
			says: "adds the index " + want.Name + " to " + want.Table,
			do:   strings.Replace(want.Definition, " INDEX ON ", " INDEX "+name+" ON ", 1),
			undo: "DROP INDEX IF EXISTS " + pgx.Identifier{schema, want.Name}.Sanitize(),
		})
	}
}

// twin finds a part of the same table and definition, the one of the same name before
// others, and what a part of the same name is that is defined otherwise.
func twin(want shapePart, present []shapePart) (same, clash string) {
	for _, p := range present {
		switch {
		case p.Table == want.Table && p.Definition == want.Definition:
			if same == "" || p.Name == want.Name {
				same = p.Name
			}
		case p.Table == want.Table && p.Name == want.Name:
			clash = p.Definition
		}
	}
	return same, clash
}
