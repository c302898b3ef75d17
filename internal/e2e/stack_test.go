package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
)

// stack is an embedded stack of a test's own, each component a process.
type stack struct {
	t   testing.TB
	dir string
}

var ownStack sync.Mutex

// installOnOwnStack makes an installation on a stack that may be killed. The
// mail and the ledger are the stack's.
//
// One such stack runs at a time: what kills servers is no judge of a machine that has no
// time for them.
func installOnOwnStack(t testing.TB) (*installation, *stack) {
	t.Helper()
	ownStack.Lock()
	t.Cleanup(ownStack.Unlock)
	s := startStack(t, t.TempDir(), launch)
	return s.installation(), s
}

// launcher starts a program, as launch does.
type launcher func(t testing.TB, env map[string]string, program string, args ...string) *process

// startStack waits until the stack is ready, with its data in dir.
func startStack(t testing.TB, dir string, launch launcher) *stack {
	t.Helper()
	program := devstack(t)
	s := &stack{t: t, dir: dir}
	// Where root may not have a user namespace, PostgreSQL runs as nobody.
	require.NoError(t, os.Chmod(filepath.Dir(s.dir), 0o755))
	p := launch(t, map[string]string{"HOME": os.Getenv("HOME"), "DEVSTACK_ISOLATE": "1", "LEDGER_INTERVAL": "100ms"},
		program, "up", "--data-dir", s.dir, "--starter", binaries.path(t, "starter"))
	t.Cleanup(func() { // in order, or its files would be in use when they are removed
		p.Signal(syscall.SIGTERM)
		p.wait()
	})
	p.says("devstack ready")
	return s
}

// installation is the product on the stack.
func (s *stack) installation() *installation {
	t := s.t
	t.Helper()
	i := &installation{t: t, env: s.environment()}
	key, err := keypair.ParseFull(i.env["SOROBAN_CONTRACT_DEPLOYER_SECRET"])
	require.NoError(t, err)
	port, err := strconv.Atoi(i.env["DB_PORT"])
	require.NoError(t, err)
	i.db, err = postgrestest.Open(postgres.Config{
		Host: i.env["DB_HOST"], Port: port, User: i.env["DB_USERNAME"], Password: i.env["DB_PASSWORD"], Database: i.env["DB_NAME"], SSLMode: "disable",
	})
	require.NoError(t, err)
	t.Cleanup(i.db.Close)
	i.url, i.ledger, i.deployer = i.env["APP_URL"], i.env["SOROBAN_RPC_URL"], key.Address()
	i.token = strings.TrimSpace(i.output("token", "--role", "admin", "--subject", "e2e"))
	return i
}

// environment has a shell read the stack's file, as people do.
func (s *stack) environment() map[string]string {
	s.t.Helper()
	cmd := exec.Command("sh", "-c", `set -a; . "$1"; env`, "sh", filepath.Join(s.dir, "env"))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	require.NoError(s.t, err)
	env := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		env[name] = value
	}
	return env
}

func (s *stack) pid(component string) int {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "pids", component))
	if err != nil {
		return 0 // between two lives
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	require.NoError(s.t, err)
	return pid
}

// kill kills a component, which the stack then starts again.
func (s *stack) kill(component string) {
	s.t.Helper()
	var pid int
	eventually(s.t, component+" is killed", func() bool { // unless it is between two lives
		pid = s.pid(component)
		return pid != 0 && syscall.Kill(pid, syscall.SIGKILL) == nil
	})
	eventually(s.t, component+" is started again", func() bool {
		now := s.pid(component)
		return now != 0 && now != pid
	})
}

// TestEveryComponentIsKilled kills every process there is, one after the other,
// while tenants are provisioned.
func TestEveryComponentIsKilled(t *testing.T) {
	t.Parallel()
	i, s := installOnOwnStack(t)
	api, worker := i.start()
	kills := map[string]func(){
		"api":    func() { api.kill(); api = i.startAPI() },
		"worker": func() { worker.kill(); worker = i.startWorker() },
	}
	for _, component := range []string{"postgres", "redis", "temporal", "stellar", "mail"} {
		kills[component] = func() { s.kill(component) }
	}
	var operations []operation
	for name, kill := range kills { // in a random order
		t.Logf("kill -9 of %s", name)
		for n := range 2 {
			operations = append(operations, i.createPatiently(fmt.Sprintf("Hospital %d, %s", n, name)))
		}
		last := operations[len(operations)-1].ID
		eventually(t, "it is in the middle", func() bool { return i.begun(last) })
		kill()
	}
	for _, o := range operations {
		i.reaches(o.ID, "SUCCEEDED")
	}
	for _, url := range []string{i.ledger, i.env["MAIL_CATCHER_URL"]} {
		eventually(t, url+" is back", func() bool {
			r, err := http.Get(url)
			return err == nil && r.Body.Close() == nil
		})
	}
	for _, o := range operations {
		i.becomesActive(o)
	}
	i.requireNoMore()
}

// begun tells that a worker has taken an operation, or cannot for now.
func (i *installation) begun(id string) bool {
	r, err := i.try(promptly, http.MethodGet, "/v1/operations/"+id, nil)
	return err == nil && r.status == http.StatusOK && read[operation](i, r).State != "PENDING"
}

// createPatiently does what a client does whose requests fail for a while.
func (i *installation) createPatiently(name string) operation {
	i.t.Helper()
	body, key := request(name), uuid.NewString()
	var r reply
	eventually(i.t, "the tenant is accepted", func() bool {
		var err error
		r, err = i.try(promptly, http.MethodPost, "/v1/tenants", body, "Idempotency-Key", key)
		require.False(i.t, err == nil && r.status < 500 && r.status != http.StatusAccepted, "%d %s", r.status, r.body)
		return err == nil && r.status == http.StatusAccepted
	})
	return i.accepted(r)
}
