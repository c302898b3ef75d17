package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLogDirIsOfNoUse: a disk that is full, or read-only, takes no lines, and stops
// nothing: requests are answered, standard error has every line and says what is
// wrong, and files go on when there is room again.
func TestLogDirIsOfNoUse(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	logged := i.startsLoggingTo("")
	logged.disk.fill()
	for n := 0; !strings.Contains(logged.stderr.String(), "LOG_DIR cannot be written to"); n++ {
		i.create("Hospital " + strconv.Itoa(n))
	}
	require.Contains(t, logged.stderr.String(), "no space left on device")
	logged.disk.free()
	eventually(t, "files are written to again", func() bool {
		i.call("GET", "/v1/tenants", nil)
		i.create("Hospital later")
		return strings.Contains(logged.stderr.String(), "LOG_DIR is written to again")
	})
	logged.kill()

	logged = i.startsLoggingTo("1")
	logged.says("LOG_DIR cannot be written to")
	require.Contains(t, logged.stderr.String(), "read-only file system")
	i.startWorker()
	i.becomesActive(i.create("Charité"))
}

// loggingProcess is an api whose LOG_DIR is a disk of its own.
type loggingProcess struct {
	*process
	disk disk
}

func (i *installation) startsLoggingTo(readOnly string) loggingProcess {
	t := i.t
	t.Helper()
	dir := t.TempDir()
	onDisk := launchOnDisk(t, dir, smallDisk)
	api := onDisk(t, i.with(map[string]string{"LOG_DIR": dir, "LOG_LEVEL": "debug", diskReadOnly: readOnly}).env, binaries.path(t, "api"))
	eventually(t, "the api listens", func() bool {
		require.True(t, api.Running(), api.stderr.String())
		r, err := i.try(promptly, "GET", "/livez", nil)
		return err == nil && r.status == 200
	})
	l := loggingProcess{api, disk{t, filepath.Join("/proc", strconv.Itoa(api.PID()), "root", dir)}}
	if readOnly == "" {
		eventually(t, "the files are there", func() bool {
			_, err := os.Stat(filepath.Join(l.disk.dir, "api", "combined.log"))
			return err == nil
		})
	}
	return l
}
