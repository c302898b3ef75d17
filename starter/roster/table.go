package roster

import (
	"fmt"
	"slices"
	"strings"
)

// table is which field of a row is which. A column without a heading, which a
// spreadsheet writes where one was emptied, is "".
type table struct {
	// line is where the headings are.
	line    int
	columns []column
}

// header finds the column of each heading.
func header(headings []string, line int) (table, []Problem) {
	t := table{line: line}
	var problems []Problem
	complain := func(format string, args ...any) {
		problems = append(problems, Problem{Line: line, Message: fmt.Sprintf(format, args...)})
	}
	for _, heading := range headings {
		c, known := findColumn(heading)
		switch {
		case plainHeading(heading) == "":
		case !known:
			complain("the column %s", unknownColumn(heading))
		case slices.Contains(t.columns, c):
			complain("the column %s is there twice", c)
		}
		t.columns = append(t.columns, c)
	}
	for len(t.columns) > 0 && t.columns[len(t.columns)-1] == "" {
		t.columns = t.columns[:len(t.columns)-1]
	}
	for _, c := range required {
		if !slices.Contains(t.columns, c) {
			complain("the column %s is missing", c)
		}
	}
	return t, problems
}

// record reads a row. Fields that may be left out may be missing at its end, and
// there may be more fields than columns when nothing stands in them. Otherwise
// the message says what is wrong.
func (t table) record(line int, fields []string) (rec record, message string) {
	rec = record{line: line, fields: make(map[column]string, len(t.columns))}
	for i, value := range fields {
		switch {
		case i < len(t.columns) && t.columns[i] != "":
			rec.fields[t.columns[i]] = value
		case strings.TrimSpace(value) == "":
		case i < len(t.columns):
			return rec, fmt.Sprintf("there is %q in column %s, which has no heading", value, letters(i))
		default:
			return rec, t.miscounted(len(fields)) + fmt.Sprintf("; the first too many, %q, is in column %s", value, letters(i))
		}
	}
	for i := len(fields); i < len(t.columns); i++ {
		if slices.Contains(required, t.columns[i]) {
			return rec, t.miscounted(len(fields))
		}
	}
	return rec, ""
}

func (t table) miscounted(fields int) string {
	where := "the first line"
	if t.line > 1 {
		where = fmt.Sprintf("line %d", t.line)
	}
	return fmt.Sprintf("there are %d fields where %s names %d", fields, where, len(t.columns))
}

// letters is what a spreadsheet calls a column, which it counts from A.
func letters(column int) string {
	name := ""
	for n := column + 1; n > 0; n = (n - 1) / 26 {
		name = string(rune('A'+(n-1)%26)) + name
	}
	return name
}
