package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// cacheDir is where programs that were fetched are kept for all stacks of the
// user; in the stack's own directory when the user has none.
func cacheDir(dir string) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(dir, "cache")
	}
	return filepath.Join(cache, "tenant-provisioning")
}

// oldLog is the size from which a log is set aside at the next start.
const oldLog = 16 << 20

// prepareLogs makes the log directory and sets long logs aside, as NAME.log.old.
func prepareLogs(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the log directory: %w", err)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return fmt.Errorf("list the logs: %w", err)
	}
	var errs []error
	for _, log := range logs {
		if info, err := os.Stat(log); err == nil && info.Size() > oldLog {
			errs = append(errs, os.Rename(log, log+".old"))
		}
	}
	return errors.Join(errs...)
}
