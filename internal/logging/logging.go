package logging

import (
	"io"
	"log/slog"
	"os"
)

// New makes the logger of the process called name. With a folder, LOG_DIR, lines
// are in its files too; one that cannot be used is said on standard error, now
// and whenever that begins, and stops nothing. Close what it returns when the
// process ends: it gives the files the last lines, and waits for that no longer
// than seconds.
func New(name string, level slog.Level, dir string) (*slog.Logger, io.Closer) {
	return newTo(os.Stderr, name, level, dir)
}

// JSON makes a logger whose lines are those of New, on w alone.
func JSON(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(newHandler(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: shown}), nil))
}

func newTo(stderr io.Writer, name string, level slog.Level, dir string) (*slog.Logger, io.Closer) {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: shown}
	alone := JSON(stderr, level).With("process", name)
	if dir == "" {
		return alone, io.NopCloser(nil)
	}
	f := keepFiles(dir, name, alone)
	all := slog.NewJSONHandler(tee{stderr, f, false}, options)
	errs := slog.NewJSONHandler(tee{stderr, f, true}, options)
	return slog.New(newHandler(all, errs)).With("process", name), f
}

// ForTerminal makes a logger that a person reads, with the same care for secrets.
func ForTerminal(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(newHandler(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: shown}), nil))
}

// tee writes a line to standard error and then offers it to the files.
type tee struct {
	stderr  io.Writer
	files   *files
	isError bool
}

func (t tee) Write(p []byte) (int, error) {
	n, err := t.stderr.Write(p)
	t.files.offer(p, t.isError)
	return n, err //nolint:wrapcheck // slog drops it: nobody is left to tell
}
