package composed

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// root is what a container sees as /.
type root struct {
	t    *testing.T
	path string
}

// newRoot makes the root of one container: the machine's, with what belongs to the
// container over it. What is written to it goes with the container.
func newRoot(t *testing.T, p *types.Project, s types.ServiceConfig, i image, owner int) root {
	t.Helper()
	dir, err := os.MkdirTemp(place, s.Name+"-")
	require.NoError(t, err)
	layer := func(name string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(path, 0o755))
		return path
	}
	upper, work := layer("upper"), layer("work")
	r := root{t: t, path: layer("root")}
	require.NoError(t, unix.Mount("overlay", r.path, "overlay", 0, "lowerdir=/,upperdir="+upper+",workdir="+work))
	for _, name := range []string{"/proc", "/dev", "/sys"} {
		require.NoError(t, unix.Mount(name, r.path+name, "", unix.MS_BIND|unix.MS_REC, ""))
	}
	r.names(p, s)
	for path, file := range i.files {
		r.bind(file, path, true)
	}
	if i.alpine {
		require.NoError(t, os.Remove(r.path+"/usr/bin/sh"))
		require.NoError(t, os.Symlink("busybox", r.path+"/usr/bin/sh"))
	}
	for _, secret := range s.Secrets {
		r.write(secret.Target, p.Secrets[secret.Source].Content)
	}
	for _, path := range s.Tmpfs {
		r.memory(path, "mode=1777")
	}
	if s.ShmSize != 0 {
		r.memory("/dev/shm", "mode=1777,size="+strconv.FormatInt(int64(s.ShmSize), 10))
	}
	for _, v := range s.Volumes {
		r.volume(v, owner)
	}
	return r
}

// names are those of the containers that share a network with this one. All have one
// address: what they listen on differs.
func (r root) names(p *types.Project, s types.ServiceConfig) {
	r.t.Helper()
	machine, err := os.Hostname()
	require.NoError(r.t, err)
	names := []string{"localhost", machine}
	for _, other := range p.Services {
		for network := range other.Networks {
			if _, shared := s.Networks[network]; shared {
				names = append(names, other.Name)
				break
			}
		}
	}
	r.write("/etc/hosts", "127.0.0.1 "+strings.Join(names, " ")+"\n")
}

// volume mounts a named volume, which outlives the container, or a file of the
// repository.
func (r root) volume(v types.ServiceVolumeConfig, owner int) {
	r.t.Helper()
	source := v.Source
	if _, err := os.Stat(source); v.Type == types.VolumeTypeVolume || err != nil { // compose makes what is not there
		source = filepath.Join(place, "volumes", filepath.Base(v.Source))
		require.NoError(r.t, os.MkdirAll(filepath.Dir(source), 0o755))
		if err := os.Mkdir(source, 0o755); err == nil {
			require.NoError(r.t, os.Chown(source, owner, owner)) // as the directory of the image
		} else {
			require.ErrorIs(r.t, err, fs.ErrExist)
		}
	}
	r.bind(source, v.Target, v.ReadOnly)
}

func (r root) bind(source, target string, readOnly bool) {
	r.t.Helper()
	info, err := os.Stat(source)
	require.NoError(r.t, err)
	if info.IsDir() {
		require.NoError(r.t, os.MkdirAll(r.path+target, 0o755))
	} else {
		r.write(target, "")
	}
	require.NoError(r.t, unix.Mount(source, r.path+target, "", unix.MS_BIND, ""), "%s at %s", source, target)
	if readOnly {
		require.NoError(r.t, unix.Mount("", r.path+target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	}
}

func (r root) memory(path, options string) {
	r.t.Helper()
	require.NoError(r.t, os.MkdirAll(r.path+path, 0o755))
	require.NoError(r.t, unix.Mount("tmpfs", r.path+path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options))
}

// write makes a file that everybody in the container may read, as a secret from the
// environment is.
func (r root) write(path, text string) {
	r.t.Helper()
	require.NoError(r.t, os.MkdirAll(filepath.Dir(r.path+path), 0o755))
	require.NoError(r.t, os.WriteFile(r.path+path, []byte(text), 0o444))
}
