package logging

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/DeRuina/timberjack"
	"github.com/gofrs/flock"
)

const (
	// maxSize is when a file is put aside before its day is over, in MB: what an
	// editor still opens.
	maxSize = 100
	// maxAge is how many days files are kept that were put aside.
	maxAge = 30
	// maxFolders bounds the processes of one name in one LOG_DIR.
	maxFolders = 99

	combinedLog = "combined.log"
	errorLog    = "error.log"
	lockFile    = ".lock"

	// Whoever ships logs reads them by their group.
	folderMode = 0o750
	fileMode   = 0o640
)

// folder is where one process writes, and no other: the kernel's lock on a file in
// it tells others to take another folder. It ends with the process, however that
// ends.
type folder struct {
	path string
	lock *flock.Flock

	combined, errors *timberjack.Logger
	// torn tells of each file that its last line was cut off.
	torn map[io.Writer]bool
}

// claim takes the first folder that no other process has: LOG_DIR/worker,
// LOG_DIR/worker-2 and so on.
func claim(dir, process string) (*folder, error) {
	for n := range maxFolders {
		name := process
		if n > 0 {
			name += "-" + strconv.Itoa(n+1)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(path, folderMode); err != nil {
			return nil, fmt.Errorf("make the folder: %w", err)
		}
		lock, err := try(path)
		if err != nil {
			return nil, err
		}
		if lock != nil {
			return &folder{path: path, lock: lock}, nil
		}
	}
	return nil, fmt.Errorf("%d processes called %s have their folders there; give each machine a LOG_DIR of its own", maxFolders, process)
}

// try locks a folder; nil when another process has it.
func try(path string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(path, lockFile), flock.SetPermissions(fileMode))
	taken, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the folder: %w", err)
	}
	if !taken {
		return nil, nil //nolint:nilnil // as said above
	}
	return lock, nil
}

// isThere tells that the folder is still the one that was locked: neither removed
// nor replaced.
func (f *folder) isThere() bool {
	locked, err := f.lock.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(f.lock.Path())
	return err == nil && os.SameFile(locked, now)
}

// begin opens the files, those of an earlier day anew, and has the library compress
// and delete what is old.
func (f *folder) begin(now time.Time) error {
	f.torn = map[io.Writer]bool{}
	f.combined, f.errors = rotated(f.path, combinedLog), rotated(f.path, errorLog)
	for _, log := range []*timberjack.Logger{f.combined, f.errors} {
		was, err := os.Stat(log.Filename)
		if err == nil && was.Size() > 0 && dayOf(was.ModTime()).Before(dayOf(now)) {
			if err := log.RotateWithReason("day"); err != nil {
				return fmt.Errorf("put the log of an earlier day aside: %w", err)
			}
		}
		if _, err := log.Write(nil); err != nil {
			return fmt.Errorf("open the log: %w", err)
		}
	}
	return nil
}

func rotated(path, name string) *timberjack.Logger {
	return &timberjack.Logger{
		Filename: filepath.Join(path, name), MaxSize: maxSize, MaxAge: maxAge, Compression: "gzip", FileMode: fileMode,
	}
}

// dayOf is the beginning of a time's day, in UTC as the lines are.
func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// write adds a line to the files that it belongs to.
func (f *folder) write(line []byte, isError bool) error {
	err := f.append(f.combined, line)
	if isError {
		err = errors.Join(err, f.append(f.errors, line))
	}
	return err
}

// append writes a whole line: where one was cut off by a full disk, on a new one.
func (f *folder) append(log io.Writer, line []byte) error {
	if f.torn[log] {
		if _, err := log.Write([]byte("\n")); err != nil {
			return fmt.Errorf("write the log: %w", err)
		}
		f.torn[log] = false
	}
	n, err := log.Write(line)
	if err != nil {
		f.torn[log] = n > 0
		return fmt.Errorf("write the log: %w", err)
	}
	return nil
}

// end closes the files, and keeps the folder.
func (f *folder) end() {
	for _, log := range []*timberjack.Logger{f.combined, f.errors} {
		if log != nil {
			_ = log.Close() // what was written is written
		}
	}
}

func (f *folder) release() {
	f.end()
	_ = f.lock.Close() // the process's end does it otherwise
}

// tend sees to the folders that no process has at the moment: else what is in them
// would stay for good when there are fewer processes than there once were.
func tend(dir, process string, now time.Time) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // writing tells of it
	}
	others := regexp.MustCompile(`^` + regexp.QuoteMeta(process) + `(-\d{1,2})?$`)
	for _, e := range entries {
		if !e.IsDir() || !others.MatchString(e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		lock, err := try(path)
		if err != nil || lock == nil {
			continue
		}
		idle := &folder{path: path, lock: lock}
		_ = idle.begin(now) // whoever takes it next tells of it
		idle.release()
	}
}
