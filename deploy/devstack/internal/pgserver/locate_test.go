package pgserver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheInstallationThatMadeTheDataIsChosen(t *testing.T) {
	t.Parallel()
	installed := []Install{{Bin: "/path", Major: 16}, {Bin: "/17", Major: 17}, {Bin: "/15", Major: 15}}
	for _, c := range []struct {
		made int
		want string
	}{{0, "/path"}, {15, "/15"}, {17, "/17"}, {14, ""}} {
		got, ok := choose(installed, c.made)
		require.Equal(t, c.want != "", ok, "data made by %d", c.made)
		require.Equal(t, c.want, got.Bin, "data made by %d", c.made)
	}
}

func TestInspectReadsTheVersionAndRefusesWhatIsNoServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := inspect(t.Context(), dir)
	require.Error(t, err, "no initdb")
	program := func(name, script string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	program("initdb", "")
	program("postgres", "echo 'postgres (PostgreSQL) 16.4 (Debian 16.4-1)'")
	in, err := inspect(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, Install{Bin: dir, Major: 16}, in)
	program("postgres", "echo 'libssl.so.3: cannot open' >&2; exit 127")
	_, err = inspect(t.Context(), dir)
	require.ErrorContains(t, err, "libssl.so.3")
}

func TestAParentThatIsClosedToOthersIsFound(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	inner := filepath.Join(closed, "inner")
	require.NoError(t, os.MkdirAll(inner, 0o755))
	require.NoError(t, os.Chmod(closed, 0o700))
	require.Equal(t, closed, notTraversable(filepath.Join(inner, "data")))
}
