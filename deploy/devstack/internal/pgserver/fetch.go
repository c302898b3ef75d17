package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// fetchedVersion is the version that is fetched where none is installed.
const (
	fetchedVersion = embedded.PostgresVersion("17.11.0")
	fetchedMajor   = 17
)

// fetched returns the installation in the cache, fetching it if it is not there.
func (s *Server) fetched(ctx context.Context) (Install, error) {
	cache := s.cfg.CacheDir
	if s.identity.owner == nobody && notTraversable(filepath.Join(cache, "x")) != "" {
		cache = "/var/cache/devstack" // root's own cache is closed to nobody
	}
	home := filepath.Join(cache, "postgres-"+string(fetchedVersion))
	if in, err := inspect(ctx, filepath.Join(home, "bin")); err == nil {
		return in, nil
	}
	s.cfg.Progress("no suitable PostgreSQL on this machine: fetching PostgreSQL %s (15 MB, once)", fetchedVersion)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return Install{}, fmt.Errorf("make the cache directory: %w", err)
	}
	tmp, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return Install{}, fmt.Errorf("make a directory to unpack PostgreSQL in: %w", err)
	}
	defer os.RemoveAll(tmp) // what is of worth has been moved out
	if err := os.Chmod(tmp, 0o755); err != nil {
		return Install{}, fmt.Errorf("open the directory to unpack PostgreSQL in: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- fetch(tmp) }() // the library takes no context
	select {
	case err = <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return Install{}, fmt.Errorf("fetch PostgreSQL %s from Maven Central: %w\n"+
			"Check that this machine may connect to it (HTTPS_PROXY is honoured) and has 100 MB free in %s, "+
			"or install PostgreSQL %d or newer (Debian: apt-get install postgresql)", fetchedVersion, err, cache, oldestMajor)
	}
	// Another stack may have been faster: its copy is as good.
	err = os.Rename(filepath.Join(tmp, "pg"), home)
	if err != nil && !errors.Is(err, os.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return Install{}, fmt.Errorf("put PostgreSQL into the cache: %w", err)
	}
	return inspect(ctx, filepath.Join(home, "bin"))
}

// fetch downloads, checks and unpacks PostgreSQL into dir/pg.
//
// The library does this on the way to starting a server, which it must not do
// here: it could not as root, and would leave the server behind if this process
// died. A locale that does not exist makes its initdb refuse, right after all
// has been unpacked.
func fetch(dir string) error {
	err := embedded.NewDatabase(embedded.DefaultConfig().
		Version(fetchedVersion).
		Port(0).
		CachePath(filepath.Join(dir, "archive")).
		BinariesPath(filepath.Join(dir, "pg")).
		RuntimePath(filepath.Join(dir, "run")).
		DataPath(filepath.Join(dir, "data")).
		Locale("fetch-only").
		Logger(io.Discard)).Start()
	if err != nil && strings.Contains(err.Error(), "unable to init database") {
		return nil
	}
	if err == nil {
		return errors.New("the fetched server started although its locale does not exist")
	}
	return err
}
