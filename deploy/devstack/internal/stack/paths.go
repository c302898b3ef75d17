package stack

import (
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
