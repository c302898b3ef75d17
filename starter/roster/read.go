package roster

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxFileSize bounds what is read: 10,000 tenants take about 2 MB, and a file
// of this size is certainly not a list of hospitals.
const maxFileSize = 64 << 20

// formats is what a file's extension says of its format. Spreadsheets call text
// with tabs .txt or .tsv.
var formats = map[string]Format{".csv": CSV, ".tsv": CSV, ".txt": CSV, ".json": JSON}

// FormatOf is the format that a file's name says it has.
func FormatOf(path string) (Format, bool) {
	f, known := formats[strings.ToLower(filepath.Ext(path))]
	return f, known
}

// Read reads and checks a file. Its error is an *Error when the content is
// wrong.
func Read(path string) ([]Row, Format, error) {
	format, known := FormatOf(path)
	if !known {
		return nil, "", fmt.Errorf("%s: the name must end in .csv or .json (or .tsv, .txt), which says how to read it; or be -, for standard input", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("read the tenants: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	data, err := readAll(file, path)
	if err != nil {
		return nil, "", err
	}
	return rowsOf(data, format, path)
}

// ReadFrom is Read for what has no name, such as standard input: JSON begins
// with a bracket. name stands for it in messages.
func ReadFrom(r io.Reader, name string) ([]Row, Format, error) {
	data, err := readAll(r, name)
	if err != nil {
		return nil, "", err
	}
	format := CSV
	if plain, problem := text(data); problem == nil && bytes.HasPrefix(bytes.TrimSpace(plain), []byte("[")) {
		format = JSON
	}
	return rowsOf(data, format, name)
}

func readAll(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the tenants: %w", err)
	}
	if len(data) > maxFileSize {
		return nil, fmt.Errorf("%s has more than %d MB: split it", name, maxFileSize>>20)
	}
	return data, nil
}

func rowsOf(data []byte, format Format, name string) ([]Row, Format, error) {
	rows, problems := Parse(data, format)
	if len(problems) > 0 {
		return nil, "", &Error{Path: name, Problems: problems}
	}
	return rows, format, nil
}
