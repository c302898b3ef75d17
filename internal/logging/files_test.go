package logging

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const patience = 2 * time.Minute

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, 5*time.Millisecond)
}

// inDir is a logger with files.
func inDir(t *testing.T, dir string) (*slog.Logger, *output, io.Closer) {
	t.Helper()
	out := &output{}
	log, closer := newTo(out, "tester", slog.LevelInfo, dir)
	t.Cleanup(func() { _ = closer.Close() })
	return log, out, closer
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(path...))
	if os.IsNotExist(err) {
		return ""
	}
	require.NoError(t, err)
	return string(raw)
}

func TestEachLineIsInItsFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "by it")
	log, out, closer := inDir(t, dir)
	log.Info("one")
	log.Warn("two")
	log.Error("three")
	require.NoError(t, closer.Close())
	require.NoError(t, closer.Close(), "again")
	combined := read(t, dir, "tester", combinedLog)
	require.Equal(t, out.String(), combined)
	require.Equal(t, 3, strings.Count(combined, "\n"))
	errs := read(t, dir, "tester", errorLog)
	require.Contains(t, errs, "three")
	require.Equal(t, 1, strings.Count(errs, "\n"))
	for name, mode := range map[string]os.FileMode{"tester": folderMode, "tester/combined.log": fileMode, "tester/error.log": fileMode} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), name)
	}
	log.Info("four") // after the end: on standard error all the same
	require.Contains(t, out.String(), "four")
}

// TestNoTwoProcessesWriteOneFile of the same name, and a folder whose process has
// ended is used again.
func TestNoTwoProcessesWriteOneFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all sync.WaitGroup
	closers := make([]io.Closer, 5)
	for n := range closers {
		all.Go(func() {
			log, closer := newTo(io.Discard, "tester", slog.LevelInfo, dir)
			closers[n] = closer
			for i := range 100 {
				log.Info("a line", "of", fmt.Sprintf("writer%d line%d.", n, i))
			}
			eventually(t, func() bool {
				return strings.Contains(strings.Join(logsIn(t, dir), ""), fmt.Sprintf("writer%d line99.", n))
			})
		})
	}
	all.Wait()
	logs := logsIn(t, dir)
	require.Len(t, logs, len(closers))
	for _, log := range logs {
		require.Equal(t, 100, strings.Count(log, "\n"))
		first := regexp.MustCompile(`writer\d`).FindString(log)
		require.NotEmpty(t, first)
		require.Equal(t, 100, strings.Count(log, first), "lines of one process alone")
	}
	for _, c := range closers {
		require.NoError(t, c.Close())
	}
	log, _, closer := inDir(t, dir)
	log.Info("later")
	require.NoError(t, closer.Close())
	require.Contains(t, read(t, dir, "tester", combinedLog), "later")
	require.Len(t, logsIn(t, dir), len(closers))
}

func logsIn(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "tester*", combinedLog))
	require.NoError(t, err)
	slices.Sort(paths)
	var logs []string
	for _, p := range paths {
		if log := read(t, p); log != "" {
			logs = append(logs, log)
		}
	}
	return logs
}

// TestNothingStopsALine: whatever becomes of LOG_DIR, standard error has the line,
// promptly and once, and is told why the files have not.
func TestNothingStopsALine(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		says  string
	}{
		"it is a file": {func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.WriteFile(dir, nil, 0o600))
		}, "not a directory"},
		"it may not be made": {func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.Symlink("/proc/none", dir)) // root could make it anywhere else
		}, "LOG_DIR cannot be written to"},
		"the disk is full": {func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "tester"), 0o750))
			require.NoError(t, os.Symlink("/dev/full", filepath.Join(dir, "tester", combinedLog)))
		}, "no space left on device"},
		"the disk is full of errors": {func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "tester"), 0o750))
			require.NoError(t, os.Symlink("/dev/full", filepath.Join(dir, "tester", errorLog)))
		}, "no space left on device"},
		"it hangs": {func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "tester"), 0o750))
			require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "tester", combinedLog), 0o600)) // opening it waits for a reader
		}, "LOG_DIR is too slow, or hangs"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "logs")
			c.spoil(t, dir)
			log, out, closer := inDir(t, dir)
			lines := 50
			if what == "it hangs" {
				lines += maxWaiting
			}
			for i := range lines {
				log.Error("a line", "is", fmt.Sprintf("line%d.", i))
			}
			eventually(t, func() bool { return strings.Contains(out.String(), c.says) })
			said := map[string]int{}
			for _, line := range regexp.MustCompile(`"line\d+\."`).FindAllString(out.String(), -1) {
				said[line]++
			}
			require.Len(t, said, lines)
			for line, times := range said {
				require.Equal(t, 1, times, line)
			}
			require.NoError(t, closer.Close())
			require.LessOrEqual(t, strings.Count(out.String(), "LOG_DIR"), 6, "and does not fill standard error with it: %s", tail(out.String()))
			if what == "it hangs" { // its goroutine would outlive the test
				go func() { _ = read(t, dir, "tester", combinedLog) }()
			}
		})
	}
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// TestALineThatWasCutOffIsNotContinued: what comes after a full disk begins anew.
func TestALineThatWasCutOffIsNotContinued(t *testing.T) {
	t.Parallel()
	f := &folder{torn: map[io.Writer]bool{}}
	disk := &smallDisk{room: 4}
	require.Error(t, f.append(disk, []byte("first\n")))
	disk.room = 0
	require.Error(t, f.append(disk, []byte("second\n")))
	disk.room = 100
	require.NoError(t, f.append(disk, []byte("third\n")))
	require.NoError(t, f.append(disk, []byte("fourth\n")))
	require.Equal(t, "firs\nthird\nfourth\n", string(disk.holds))
}

type smallDisk struct {
	holds []byte
	room  int
}

func (d *smallDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.holds, d.room = append(d.holds, p[:n]...), d.room-n
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

// TestAFolderThatVanishesIsMadeAgain, and what was lost is counted.
func TestAFolderThatVanishesIsMadeAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	log, out, closer := inDir(t, dir)
	log.Info("before")
	eventually(t, func() bool { return strings.Contains(read(t, dir, "tester", combinedLog), "before") })
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600)) // nor can it be made for now
	eventually(t, func() bool {
		log.Info("meanwhile")
		return strings.Contains(out.String(), "LOG_DIR cannot be written to")
	})
	require.NoError(t, os.Remove(dir))
	eventually(t, func() bool {
		log.Info("after")
		return strings.Contains(read(t, dir, "tester", combinedLog), "after")
	})
	require.NoError(t, closer.Close())
	require.Contains(t, out.String(), `"msg":"LOG_DIR is written to again"`)
	require.NotContains(t, out.String(), `"linesOnStandardErrorAlone":0`)
}

// TestFilesOfAnEarlierDayAreCompressedAndThenDeleted, in folders that nobody uses
// any more too.
func TestFilesOfAnEarlierDayAreCompressedAndThenDeleted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	yesterday := time.Now().Add(-24 * time.Hour)
	name := func(age time.Duration, reason string) string {
		return "combined-" + time.Now().Add(-age).UTC().Format("2006-01-02T15-04-05.000") + "-" + reason + ".log.gz"
	}
	old, young := name(31*24*time.Hour, "day"), name(29*24*time.Hour, "size")
	for _, folder := range []string{"tester", "tester-2", "other", "tester-of-another-kind"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, folder), 0o750))
		for _, file := range []string{combinedLog, old, young} {
			path := filepath.Join(dir, folder, file)
			require.NoError(t, os.WriteFile(path, []byte("of yesterday\n"), 0o600))
			require.NoError(t, os.Chtimes(path, yesterday, yesterday))
		}
	}
	log, _, closer := inDir(t, dir)
	log.Info("of today")
	for _, folder := range []string{"tester", "tester-2"} {
		var put string
		eventually(t, func() bool {
			found, err := filepath.Glob(filepath.Join(dir, folder, "combined-*-day.log.gz"))
			require.NoError(t, err)
			left := slices.DeleteFunc(found, func(p string) bool { return filepath.Base(p) == old })
			if len(left) != 1 || len(left) != len(found) {
				return false // the old one is still there, or yesterday's not compressed
			}
			put = left[0]
			return true
		})
		require.Equal(t, "of yesterday\n", unpacked(t, put))
		require.FileExists(t, filepath.Join(dir, folder, young))
	}
	for _, folder := range []string{"other", "tester-of-another-kind"} {
		require.FileExists(t, filepath.Join(dir, folder, old), "they are not ours")
	}
	require.NoError(t, closer.Close())
	require.NotContains(t, read(t, dir, "tester", combinedLog), "of yesterday")
	require.Contains(t, read(t, dir, "tester", combinedLog), "of today")
}

func unpacked(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	unzipped, err := gzip.NewReader(bufio.NewReader(file))
	require.NoError(t, err)
	text, err := io.ReadAll(unzipped)
	require.NoError(t, err)
	return string(text)
}

// TestANewDayBeginsNewFiles in a process that goes on.
func TestANewDayBeginsNewFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := &files{dir: dir, process: "tester", stderr: slog.New(slog.DiscardHandler)}
	f.open(time.Now())
	require.NotNil(t, f.folder)
	f.take(line{[]byte("today\n"), true})
	f.nextDay(time.Now().Add(24 * time.Hour))
	f.take(line{[]byte("tomorrow\n"), false})
	f.folder.release() // it waits for the compression
	require.Equal(t, "tomorrow\n", read(t, dir, "tester", combinedLog))
	require.Empty(t, read(t, dir, "tester", errorLog))
	for _, name := range []string{"combined", "error"} {
		found, err := filepath.Glob(filepath.Join(dir, "tester", name+"-*-day.log.gz"))
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, "today\n", unpacked(t, found[0]))
	}
	require.InDelta(t, time.Hour, untilMidnight(time.Date(2026, 3, 29, 23, 0, 0, 0, time.UTC)), 1)
}
