package build

import (
	"cmp"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// Unknown is the version of a program that was built from a working copy of
// which nothing is known.
const Unknown = "(devel)"

// What the linker writes (-X), in an image that is built without the history of
// the repository. Empty: the Go tool knows better.
var (
	version  string
	revision string
	// committed is the time of the commit, in RFC 3339; not that of the build,
	// or two builds would differ.
	committed string
)

// Info is what a program was built from.
type Info struct {
	// Version is a tag such as v1.2.0, a pseudo-version, or Unknown.
	Version string
	// Revision is the commit, empty when it is not known.
	Revision string
	// Modified tells that the working copy had changes that were in no commit.
	Modified bool
	// Committed is the time of the commit, zero when it is not known.
	Committed time.Time
	// Go is the version of the Go toolchain.
	Go string
}

// This is the running program.
func This() Info {
	i := Info{Version: version, Revision: revision, Committed: moment(committed), Go: runtime.Version()}
	written, ok := debug.ReadBuildInfo()
	if !ok {
		written = &debug.BuildInfo{}
	}
	return i.with(written)
}

// with fills in from what the Go tool wrote what the linker was not told. All of
// it is of one commit, so nothing is mixed.
func (i Info) with(written *debug.BuildInfo) Info {
	if i.Revision == "" {
		for _, s := range written.Settings {
			switch s.Key {
			case "vcs.revision":
				i.Revision = s.Value
			case "vcs.modified":
				i.Modified = s.Value == "true"
			case "vcs.time":
				i.Committed = moment(s.Value)
			}
		}
	}
	i.Version = cmp.Or(i.Version, written.Main.Version, Unknown)
	return i
}

// moment is a time of the stamp, zero when there is none.
func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{} // "unknown", or nothing: the version does not hang on it
	}
	return t.UTC()
}

// Line is all of it for people, without the program's name.
func (i Info) Line() string {
	words := []string{i.Version}
	if i.Revision != "" {
		words = append(words, i.Revision)
	}
	if !i.Committed.IsZero() {
		words = append(words, i.Committed.Format(time.RFC3339))
	}
	if i.Modified {
		words = append(words, "(with changes that are not committed)")
	}
	return strings.Join(append(words, i.Go), " ")
}

// LogValue implements slog.LogValuer: a group of what is known.
func (i Info) LogValue() slog.Value {
	known := []slog.Attr{slog.String("version", i.Version)}
	if i.Revision != "" {
		known = append(known, slog.String("revision", i.Revision), slog.Bool("modified", i.Modified))
	}
	if !i.Committed.IsZero() {
		known = append(known, slog.Time("committed", i.Committed))
	}
	return slog.GroupValue(append(known, slog.String("go", i.Go))...)
}
