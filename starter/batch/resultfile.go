package batch

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tenant-provisioning/starter/roster"
)

// ResultFile says what became of each row. The zero value is none: it keeps
// nothing.
type ResultFile struct {
	Path   string
	format roster.Format
}

// OpenResultFile names the result file of a file of tenants, tenants.csv →
// tenants.result.csv, and makes sure that it can be written before anything is
// created.
func OpenResultFile(tenants string, format roster.Format) (*ResultFile, error) {
	extension := filepath.Ext(tenants)
	return open(strings.TrimSuffix(tenants, extension)+".result"+extension, format)
}

// OpenResultFileAt is OpenResultFile for a place of the caller's choice. What
// its name says goes before the format of the tenants' file, which it must not
// replace.
func OpenResultFileAt(path, tenants string, format roster.Format) (*ResultFile, error) {
	if named, known := roster.FormatOf(path); known {
		format = named
	}
	source, err := os.Stat(tenants)
	if here, herr := os.Stat(path); err == nil && herr == nil && os.SameFile(source, here) {
		return nil, fmt.Errorf("the result file %s is the tenants' file itself, so nothing was created: name another with --results", path)
	}
	return open(path, format)
}

func open(path string, format roster.Format) (*ResultFile, error) {
	f := &ResultFile{Path: path, format: format}
	probe, err := os.CreateTemp(filepath.Dir(f.Path), ".result-*")
	if err != nil {
		return nil, fmt.Errorf("the result file %s cannot be written, so nothing was created; put it elsewhere with --results: %w", f.Path, err)
	}
	if err := discard(probe); err != nil {
		return nil, err
	}
	switch info, err := os.Stat(f.Path); {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("the result file %s cannot be written, so nothing was created: a folder has its name; name a file with --results", f.Path)
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("the result file %s cannot be written, so nothing was created: it is replaced as a whole, and that is no regular file; name one with --results", f.Path)
	}
	return f, nil
}

func discard(f *os.File) error {
	if err := f.Close(); err != nil {
		return fmt.Errorf("close %s: %w", f.Name(), err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("remove %s: %w", f.Name(), err)
	}
	return nil
}

// Save replaces the file with the outcomes, so that it is whole at any moment.
func (f *ResultFile) Save(outcomes []Outcome) error {
	if f.Path == "" {
		return nil
	}
	temp, err := os.CreateTemp(filepath.Dir(f.Path), ".result-*")
	if err != nil {
		return fmt.Errorf("write the result file: %w", err)
	}
	write := writeCSV
	if f.format == roster.JSON {
		write = writeJSON
	}
	if err := write(temp, outcomes); err != nil {
		_ = discard(temp) // the error that matters is the first one
		return fmt.Errorf("write the result file: %w", err)
	}
	if err := temp.Close(); err != nil {
		return fmt.Errorf("write the result file: %w", err)
	}
	if err := os.Rename(temp.Name(), f.Path); err != nil {
		_ = os.Remove(temp.Name()) // the error that matters is the first one
		return fmt.Errorf("write the result file: %w", err)
	}
	return nil
}

func writeJSON(w io.Writer, outcomes []Outcome) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(outcomes)
}

func writeCSV(w io.Writer, outcomes []Outcome) error {
	table := csv.NewWriter(w)
	lines := [][]string{{"row", "key", "tenantId", "operationId", "state", "schemaName", "contractId", "seconds", "error"}}
	for _, o := range outcomes {
		lines = append(lines, []string{
			strconv.Itoa(o.Row), o.Key, string(o.TenantID), string(o.OperationID), string(o.State),
			o.Schema, o.ContractID, strconv.FormatFloat(o.Seconds, 'f', 3, 64), o.Error,
		})
	}
	return table.WriteAll(lines)
}
