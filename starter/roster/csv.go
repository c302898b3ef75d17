package roster

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// readCSV reads a table as spreadsheets write it: the first line, or the one
// after "sep=;", names the columns. Commas, semicolons, tabs and bars are
// accepted between fields, whatever the spreadsheet's country uses.
func readCSV(data []byte) ([]record, []Problem) {
	data, comma, named := separator(data)
	if !named {
		comma = guessSeparator(data)
	}
	reader := csv.NewReader(bytes.NewReader(data))
	reader.Comma = comma
	reader.FieldsPerRecord = -1 // counted here, to report every wrong row
	headings, err := reader.Read()
	for err == nil && blank(headings) { // emptied rows above the table
		headings, err = reader.Read()
	}
	if errors.Is(err, io.EOF) {
		return nil, []Problem{{Line: 1, Message: "the file is empty; its first line must name the columns: " + list(required)}}
	}
	if err != nil {
		return nil, []Problem{syntax(err)}
	}
	line, _ := reader.FieldPos(0)
	t, problems := header(headings, line)
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
		rec, message := t.record(line, fields)
		if message != "" {
			problems = append(problems, Problem{Line: line, Message: message})
			continue
		}
		records = append(records, rec)
	}
}

// separator reads the line "sep=;" with which Excel is told what stands between
// fields. The line is emptied, so that all others keep their numbers.
func separator(data []byte) (rest []byte, comma rune, named bool) {
	first, after, _ := bytes.Cut(data, []byte{'\n'})
	line := strings.Trim(string(first), "\" ")
	if len(line) < len("sep=") || !strings.EqualFold(line[:len("sep=")], "sep=") {
		return data, 0, false
	}
	given := []rune(line[len("sep="):])
	rest = append([]byte{'\n'}, after...)
	if len(given) == 0 || given[0] == '"' || given[0] == '\ufffd' {
		return rest, 0, false
	}
	return rest, given[0], true
}

// guessSeparator is the candidate that is most frequent in the line that names
// the columns, outside of quotes.
func guessSeparator(data []byte) rune {
	counts, quoted := map[rune]int{}, false
	for _, r := range string(bytes.TrimLeft(data, "\n")) {
		if r == '"' {
			quoted = !quoted
		}
		if r == '\n' && !quoted {
			break
		}
		if !quoted {
			counts[r]++
		}
	}
	best := ','
	for _, candidate := range ";\t|" {
		if counts[candidate] > counts[best] {
			best = candidate
		}
	}
	return best
}

// blank is what a spreadsheet writes for rows that were emptied.
func blank(fields []string) bool {
	return strings.TrimSpace(strings.Join(fields, "")) == ""
}

func syntax(err error) Problem {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return Problem{Line: 1, Message: err.Error()}
	}
	if errors.Is(parse.Err, csv.ErrBareQuote) || errors.Is(parse.Err, csv.ErrQuote) {
		return Problem{Line: parse.StartLine, Message: `a quote is out of place: a field that holds a quote is written "like ""this"""; lines after it were not read`}
	}
	return Problem{Line: parse.StartLine, Message: fmt.Sprint(parse.Err)}
}
