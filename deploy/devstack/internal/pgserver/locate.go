package pgserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldestMajor is the oldest version that the product is tested with.
const oldestMajor = 15

// Install is a PostgreSQL installation.
type Install struct {
	Bin   string // directory of initdb and postgres
	Major int
}

// installedIn are the places where packages put servers that are not on PATH.
var installedIn = []string{
	"/usr/lib/postgresql/*/bin",            // Debian, Ubuntu
	"/usr/pgsql-*/bin",                     // PostgreSQL's own rpm packages
	"/opt/homebrew/opt/postgresql@*/bin",   // Homebrew, arm64
	"/usr/local/opt/postgresql@*/bin",      // Homebrew, amd64
	"/Library/PostgreSQL/*/bin",            // EDB's installer
	"/Applications/Postgres.app/*/*/*/bin", // Postgres.app
}

// locate returns the installations on this machine that are recent enough, that
// of PATH first.
func locate(ctx context.Context) []Install {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	for _, pattern := range installedIn {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // only a malformed pattern, and these are constant
		}
		slices.Reverse(found) // newest first
		dirs = append(dirs, found...)
	}
	var out []Install
	for _, dir := range dirs {
		if in, err := inspect(ctx, dir); err == nil && in.Major >= oldestMajor {
			out = append(out, in)
		}
	}
	return out
}

var versionOutput = regexp.MustCompile(`PostgreSQL\) (\d+)`)

// inspect asks the server in a directory for its version.
func inspect(ctx context.Context, dir string) (Install, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return Install{}, err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").CombinedOutput()
	if err != nil {
		return Install{}, fmt.Errorf("ask %s for its version: %w: %s", dir, err, strings.TrimSpace(string(out)))
	}
	m := versionOutput.FindSubmatch(out)
	if m == nil {
		return Install{}, fmt.Errorf("%s says %q, which is not a version of PostgreSQL", dir, out)
	}
	major, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return Install{}, fmt.Errorf("read the version of %s: %w", dir, err)
	}
	return Install{Bin: dir, Major: major}, nil
}

// choose takes the installation that can open the data directory. madeBy is the
// major version that made it, 0 when it is yet to be made.
func choose(installed []Install, madeBy int) (Install, bool) {
	i := slices.IndexFunc(installed, func(in Install) bool { return madeBy == 0 || in.Major == madeBy })
	if i < 0 {
		return Install{}, false
	}
	return installed[i], true
}

// madeBy reads which major version made a data directory; 0: there is none.
func madeBy(data string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the data directory: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, fmt.Errorf("read the version of the data directory %s: %w", data, err)
	}
	return major, nil
}
