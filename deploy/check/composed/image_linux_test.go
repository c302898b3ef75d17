package composed

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// image is what an image says beside docker-compose.yml, and what stands in its place.
type image struct {
	user       string // root, where it is empty
	entrypoint []string
	command    []string
	dir        string
	stop       syscall.Signal    // SIGTERM, where it is none
	path       string            // before the directories that are everywhere
	alpine     bool              // its shell is that of busybox
	files      map[string]string // what is at a path of the container: a file of this machine
}

// nonroot is the user of our images.
const nonroot = "65532:65532"

// imageOf is the image of a service, by its name without registry's path and version.
func imageOf(t *testing.T, s types.ServiceConfig) image {
	t.Helper()
	ours := func(names ...string) image {
		i := image{user: nonroot, files: map[string]string{}}
		for _, name := range names {
			i.files["/usr/local/bin/"+name] = built(name)
		}
		return i
	}
	temporal := image{user: "1000:1000", alpine: true, dir: "/etc/temporal"}
	here, err := filepath.Abs("postgres.sh")
	require.NoError(t, err)
	name, _, _ := strings.Cut(s.Image, ":")
	switch name {
	case "healthcare/tenant-provisioning":
		return ours("api", "worker", "starter")
	case "tenant-provisioning-local":
		return image{user: nonroot, entrypoint: []string{"/local"}, files: map[string]string{"/local": built("local")}}
	case "postgres":
		const entrypoint = "/usr/local/bin/docker-entrypoint.sh"
		return image{
			entrypoint: []string{entrypoint}, stop: syscall.SIGINT, path: postgresPrograms(t),
			files: map[string]string{entrypoint: here},
		}
	case "redis":
		return image{alpine: true} // its entry point does what it is told
	case "temporalio/admin-tools":
		temporal.files = map[string]string{"/usr/local/bin/temporal-sql-tool": built("temporal/temporal-sql-tool")}
		return temporal
	case "temporalio/server":
		temporal.command = []string{"/etc/temporal/entrypoint.sh"}
		temporal.files = map[string]string{
			"/usr/local/bin/temporal-server": built("temporal/temporal-server"),
			"/etc/temporal/entrypoint.sh":    built("temporal/entrypoint.sh"),
		}
		return temporal
	case "temporalio/ui":
		return image{
			user: "1000:1000", dir: "/home/ui-server", entrypoint: []string{"./start-ui-server.sh"},
			files: map[string]string{
				"/home/ui-server/ui-server":          built("temporal/ui-server"),
				"/home/ui-server/start-ui-server.sh": built("temporal/start-ui-server.sh"),
				"/home/ui-server/config/docker.yaml": built("temporal/docker.yaml"),
			},
		}
	}
	require.Fail(t, "nothing stands in place of the image "+s.Image)
	return image{}
}

func built(name string) string { return filepath.Join(os.Getenv(programs), name) }

// postgresPrograms is where this machine has PostgreSQL's newest.
func postgresPrograms(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	require.NoError(t, err)
	require.NotEmpty(t, found, "needs PostgreSQL (Debian: postgresql)")
	return found[len(found)-1]
}
