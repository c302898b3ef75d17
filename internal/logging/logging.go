// Package logging makes the one logger of a process, which main passes down:
// JSON on standard error, and in a file of LOG_DIR where that is set.
package logging

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
)

// New makes the logger of the process called name. Close what it returns when
// the process ends.
func New(name string, level slog.Level, dir string) (*slog.Logger, io.Closer, error) {
	var out io.Writer = os.Stderr
	var closer io.Closer = io.NopCloser(nil)
	if dir != "" {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, nil, fmt.Errorf("LOG_DIR: make the folder: %w", err)
		}
		file, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("LOG_DIR: open the log: %w", err)
		}
		out, closer = both{os.Stderr, file}, file
	}
	handler := slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level})
	return slog.New(handler).With("process", name), closer, nil
}

// both writes to two places and does not let the failure of one, such as a
// full disk, keep a line from the other.
type both struct{ a, b io.Writer }

func (w both) Write(p []byte) (int, error) {
	_, errA := w.a.Write(p)
	_, errB := w.b.Write(p)
	return len(p), errors.Join(errA, errB)
}
