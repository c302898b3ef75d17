package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
)

const (
	// tailLines of a log are enough to see why a program gave up, and are within
	// the last tailBytes.
	tailLines = 20
	tailBytes = 64 << 10
)

// Says is a question for [Process.Ready]: whether the program has written a text
// to its log in this run.
func (p *Process) Says(text string) func(context.Context) error {
	return func(context.Context) error {
		said, err := p.output(math.MaxInt64)
		if err == nil && !bytes.Contains(said, []byte(text)) {
			err = fmt.Errorf("it has not said %q", strings.TrimSpace(text))
		}
		return err
	}
}

// tail is the last lines that were written to the log in this run, indented.
func (p *Process) tail() string {
	if p.spec.LogFile == "" {
		return ""
	}
	raw, err := p.output(tailBytes)
	if err != nil {
		return fmt.Sprintf("    (%v)", err)
	}
	lines := strings.Split(string(bytes.TrimSpace(raw)), "\n")
	return "    " + strings.Join(lines[max(0, len(lines)-tailLines):], "\n    ")
}

// output is what was written to the log in this run, or the last of it where that
// is more than so many bytes.
func (p *Process) output(most int64) ([]byte, error) {
	f, err := os.Open(p.spec.LogFile)
	if err != nil {
		return nil, fmt.Errorf("read its output: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read its output: %w", err)
	}
	raw, err := io.ReadAll(io.NewSectionReader(f, max(p.logStart, info.Size()-most), most))
	if err != nil {
		return nil, fmt.Errorf("read its output: %w", err)
	}
	return raw, nil
}

func openLog(path string) (f *os.File, size int64, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, 0, fmt.Errorf("make the folder for logs: %w", err)
	}
	f, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open the log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("read the size of %s: %w", path, err), f.Close())
	}
	return f, info.Size(), nil
}
