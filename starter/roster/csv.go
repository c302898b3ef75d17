package roster

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// readCSV reads a table whose first line names the columns. Commas,
// semicolons and tabs are accepted between fields, whatever the spreadsheet's
// country uses.
func readCSV(data []byte) ([]record, []Problem) {
	reader := csv.NewReader(bytes.NewReader(data))
	reader.Comma = separator(data)
	reader.FieldsPerRecord = -1 // counted here, to report every wrong row
	headings, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, []Problem{{Line: 1, Message: "the file is empty; its first line must name the columns: " + list(required)}}
	}
	if err != nil {
		return nil, []Problem{syntax(err)}
	}
	columns, problems := header(headings)
	if len(problems) > 0 {
		return nil, problems
	}
	var records []record
	for {
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return records, problems
		}
		if err != nil {
			// Where a quote does not end, no later line can be trusted.
			return records, append(problems, syntax(err))
		}
		line, _ := reader.FieldPos(0)
		if blank(fields) {
			continue
		}
		if len(fields) != len(columns) {
			problems = append(problems, Problem{Line: line, Message: fmt.Sprintf("there are %d fields where the first line names %d", len(fields), len(columns))})
			continue
		}
		rec := record{line: line, fields: make(map[column]string, len(columns))}
		for i, c := range columns {
			rec.fields[c] = fields[i]
		}
		records = append(records, rec)
	}
}

// header finds the column of each heading.
func header(headings []string) ([]column, []Problem) {
	var (
		columns  []column
		problems []Problem
	)
	complain := func(format string, args ...any) {
		problems = append(problems, Problem{Line: 1, Message: fmt.Sprintf(format, args...)})
	}
	for _, heading := range headings {
		c, known := findColumn(heading)
		switch {
		case !known:
			complain("the column %s", unknownColumn(heading))
		case slices.Contains(columns, c):
			complain("the column %s is there twice", c)
		}
		columns = append(columns, c)
	}
	for _, c := range required {
		if !slices.Contains(columns, c) {
			complain("the column %s is missing", c)
		}
	}
	return columns, problems
}

// separator is the candidate that is most frequent in the first line.
func separator(data []byte) rune {
	first, _, _ := bytes.Cut(data, []byte{'\n'})
	best := ','
	for _, candidate := range []rune{';', '\t'} {
		if strings.Count(string(first), string(candidate)) > strings.Count(string(first), string(best)) {
			best = candidate
		}
	}
	return best
}

// blank is what a spreadsheet writes for rows that were emptied.
func blank(fields []string) bool {
	return !slices.ContainsFunc(fields, func(s string) bool { return strings.TrimSpace(s) != "" })
}

func syntax(err error) Problem {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return Problem{Line: 1, Message: err.Error()}
	}
	if errors.Is(parse.Err, csv.ErrBareQuote) || errors.Is(parse.Err, csv.ErrQuote) {
		return Problem{Line: parse.StartLine, Message: `a quote is out of place: a field that holds a quote is written "like ""this"""; lines after it were not read`}
	}
	return Problem{Line: parse.StartLine, Message: parse.Err.Error()}
}
