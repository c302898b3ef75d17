package roster

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"tenant-provisioning/internal/tenant"
)

// maxFileSize bounds what is read: 10,000 tenants take about 2 MB, and a file
// of this size is certainly not a list of hospitals.
const maxFileSize = 64 << 20

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
	New tenant.New
}

// Read reads and checks a file. Its error is an *Error when the content is
// wrong.
func Read(path string) ([]Row, Format, error) {
	format := Format(strings.ToLower(strings.TrimPrefix(filepath.Ext(path), ".")))
	if format != CSV && format != JSON {
		return nil, "", fmt.Errorf("%s: the name must end in .csv or .json, which says how to read it", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", fmt.Errorf("read the tenants: %w", err)
	}
	if info.Size() > maxFileSize {
		return nil, "", fmt.Errorf("%s has %d MB: split it, at most %d MB are read at once", path, info.Size()>>20, maxFileSize>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, "", fmt.Errorf("read the tenants: %w", err)
	}
	rows, problems := Parse(data, format)
	if len(problems) > 0 {
		return nil, "", &Error{Path: path, Problems: problems}
	}
	return rows, format, nil
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

// text takes a byte order mark off and refuses what is not UTF-8.
func text(data []byte) ([]byte, *Problem) {
	const advice = `; save it as "CSV UTF-8"`
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return nil, &Problem{Line: 1, Message: "the file is UTF-16" + advice}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		valid := 0
		for valid < len(data) {
			r, size := utf8.DecodeRune(data[valid:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			valid += size
		}
		return nil, &Problem{Line: 1 + bytes.Count(data[:valid], []byte{'\n'}), Message: "the file is not UTF-8" + advice}
	}
	return data, nil
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
	n, err := tenant.New{
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
func digest(n tenant.New) string {
	sum := sha256.New()
	for _, s := range []string{n.Name, n.Administrator.Email, n.Administrator.FirstName, n.Administrator.LastName, n.Tier, n.Region} {
		fmt.Fprintf(sum, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
