package roster

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tenant-provisioning/internal/tenant"
)

// maxKeyLength leaves room for a prefix in an idempotency key of 255
// characters.
const maxKeyLength = 200

// Format is how a file is written.
type Format string

// The formats, which are also the files' extensions.
const (
	CSV  Format = "csv"
	JSON Format = "json"
)

// Row is one tenant of a file, cleaned and checked.
type Row struct {
	// Number counts the tenants of the file from 1; Line is where the row
	// begins in it.
	Number, Line int
	// Key tells the row from every other and stays the same when the file is
	// read again: the row's own key, or a digest of what it says.
	Key string
	New tenant.Spec
}

// Parse reads and checks a file's content. Rows are to be used only when there
// are no problems.
func Parse(data []byte, format Format) ([]Row, []Problem) {
	data, problem := text(data)
	if problem != nil {
		return nil, []Problem{*problem}
	}
	read := readCSV
	if format == JSON {
		read = readJSON
	}
	records, problems := read(data)
	rows, more := check(records)
	problems = sorted(append(problems, more...))
	if len(rows) == 0 && len(problems) == 0 {
		problems = []Problem{{Line: 1, Message: "there are no tenants in the file"}}
	}
	return rows, problems
}

// record is one row as it stands in the file.
type record struct {
	line   int
	fields map[column]string
}

// check makes rows of records. It reports wrong fields, and rows that are there
// twice.
func check(records []record) ([]Row, []Problem) {
	var (
		rows     []Row
		problems []Problem
		names    = map[string]Row{}
		keys     = map[string]int{}
	)
	for i, rec := range records {
		row, wrong := rec.row(i + 1)
		for _, message := range wrong {
			problems = append(problems, Problem{Line: rec.line, Message: message})
		}
		if len(wrong) > 0 {
			continue
		}
		nameKey := tenant.NameKey(row.New.Name)
		if first, taken := names[nameKey]; taken {
			problems = append(problems, Problem{Line: rec.line, Message: fmt.Sprintf("the name %q is also on line %d", row.New.Name, first.Line) + spelling(row.New.Name, first.New.Name)})
			continue
		}
		names[nameKey] = row
		if first, taken := keys[row.Key]; taken {
			problems = append(problems, Problem{Line: rec.line, Message: fmt.Sprintf("the key %q is also on line %d", row.Key, first)})
			continue
		}
		keys[row.Key] = rec.line
		rows = append(rows, row)
	}
	return rows, problems
}

// spelling tells of a name that is there in another form, which may look the
// same on the screen.
func spelling(name, first string) string {
	if name == first {
		return ""
	}
	return fmt.Sprintf(", as %q", first)
}

func (rec record) row(number int) (Row, []string) {
	f := rec.fields
	n, err := tenant.Spec{
		Name: f[columnName],
		Administrator: tenant.Administrator{
			Email: f[columnAdminEmail], FirstName: f[columnAdminFirstName], LastName: f[columnAdminLastName],
		},
		Tier:   strings.TrimSpace(f[columnTier]),
		Region: strings.TrimSpace(f[columnRegion]),
	}.Clean()
	var wrong []string
	if err != nil {
		wrong = fieldMessages(err)
	}
	key := strings.TrimSpace(f[columnKey])
	if utf8.RuneCountInString(key) > maxKeyLength || strings.ContainsFunc(key, unicode.IsControl) {
		wrong = append(wrong, fmt.Sprintf("%s must have at most %d characters and no control characters", columnKey, maxKeyLength))
	}
	if key == "" {
		key = digest(n)
	}
	return Row{Number: number, Line: rec.line, Key: key, New: n}, wrong
}

// digest stands for what a row says. 128 bits are enough: no two rows of the
// world's hospitals meet by chance, and nobody gains by making them meet.
func digest(n tenant.Spec) string {
	sum := sha256.New()
	for _, s := range []string{n.Name, n.Administrator.Email, n.Administrator.FirstName, n.Administrator.LastName, n.Tier, n.Region} {
		fmt.Fprintf(sum, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
