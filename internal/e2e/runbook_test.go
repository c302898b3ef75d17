package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"tenant-provisioning/client"
)

var runbooks = filepath.Join("..", "..", "docs", "runbooks")

// block is a fenced block of a page, which is run as it is written. kind is
// run, or setup: before every other, or instead: another way to do what the
// block before it does, or skip: a third way, or tctl: run by TestLoopOfTctl.
type block struct{ kind, script string }

var fence = regexp.MustCompile("(?ms)^```sh ?(\\w*)\n(.*?)^```$")

// blocks are those of a page, in order. There is none that no test runs.
func blocks(t testing.TB, page string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(runbooks, page))
	require.NoError(t, err)
	var found []block
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		require.Contains(t, []string{"run", "setup", "instead", "skip", "tctl"}, m[1], "%s: a block that does not say how to run it\n%s", page, m[2])
		found = append(found, block{kind: m[1], script: m[2]})
	}
	require.NotEmpty(t, found, page)
	return found
}

// way is what is run on the way through a page, the other way where there is
// one if instead says so.
func way(t testing.TB, page string, instead bool) []string {
	t.Helper()
	var scripts []string
	for _, b := range blocks(t, page) {
		switch {
		case b.kind == "run":
			scripts = append(scripts, b.script)
		case b.kind == "instead" && instead:
			scripts[len(scripts)-1] = b.script
		}
	}
	return scripts
}

// lenient keeps a block going after what starter says by 3: that something
// needs attention, which is what is looked at.
const lenient = `starter() { command starter "$@" || [ $? -eq 3 ]; }` + "\n"

// follow runs a page as an engineer who has the operation's ids, from the
// alert to the end.
func (i *installation) follow(o operation, page string) {
	i.t.Helper()
	i.goes(o, way(i.t, page, false))
}

// followInstead is follow by the other way.
func (i *installation) followInstead(o operation, page string) {
	i.t.Helper()
	usual, other := way(i.t, page, false), way(i.t, page, true)
	require.NotEqual(i.t, usual, other, "%s: there is no other way", page)
	i.goes(o, other)
}

func (i *installation) goes(o operation, way []string) {
	i.t.Helper()
	setup := blocks(i.t, "README.md")[0]
	require.Equal(i.t, "setup", setup.kind)
	for _, script := range way {
		tries := 0
		p := untilAnswered(i.t, script, func() *process {
			tries++
			return i.shell(lenient+setup.script+script, map[string]string{"OPERATION": o.ID, "TENANT": o.TenantID})
		})
		if tries > 1 && strings.Contains(p.stderr.String(), "is refused: the operation is") {
			continue // it was taken the first time, and only the answer was late
		}
		require.Zero(i.t, p.wait(), "%s\n%s%s", script, p.stdout.String(), p.stderr.String())
	}
}

// TestRunbookOfAStuckRun follows the page from the alert to the end.
func TestRunbookOfAStuckRun(t *testing.T) {
	t.Parallel()
	const page = "stuck-provisioning.md"
	t.Run("retry", func(t *testing.T) {
		t.Parallel()
		i := install(t, impatient)
		o := i.parksBeforeThePivot()
		i.rpc.heal()
		i.follow(o, page)
		i.becomesActive(o)
		require.Equal(t, "ada.lovelace@hospital.example", i.tenant(o.TenantID).AdminEmail)
	})
	t.Run("rollback", func(t *testing.T) {
		t.Parallel()
		i := install(t, impatient)
		o := i.parksBeforeThePivot()
		i.followInstead(o, page)
		i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	})
}

// TestRunbookOfAnExpiredLink: the block of that page which gives a link more
// time does, to that link alone.
func TestRunbookOfAnExpiredLink(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	tenants := []tenant{i.becomesActive(i.create("Charité")), i.becomesActive(i.create("Necker"))}
	links := make([]string, len(tenants))
	for n, tenant := range tenants {
		links[n] = invitationLink.FindString(i.mails(tenant.AdminEmail)[0].Text)
	}
	i.execute(`UPDATE invitations SET expires_at = now() - interval '1 minute'`)
	for _, link := range links {
		require.Equal(t, http.StatusGone, i.page(link).status)
	}
	givesTime := slices.DeleteFunc(way(t, "stuck-provisioning.md", false), func(script string) bool {
		return !strings.Contains(script, "UPDATE invitations")
	})
	require.Len(t, givesTime, 1)
	i.goes(operation{TenantID: tenants[0].ID}, givesTime)
	require.Equal(t, http.StatusGone, i.page(links[1]).status)
	i.setsFirstPassword(tenants[0])
}

// TestRunbookOfAStuckLife follows the page for a suspension that waits for the
// ledger, each of its ways.
func TestRunbookOfAStuckLife(t *testing.T) {
	t.Parallel()
	const page = "stuck-life.md"
	for name, c := range map[string]struct {
		follow func(*installation, operation)
		state  client.State
		status client.Status
		access bool
	}{
		"retry":    {func(i *installation, o operation) { i.rpc.heal(); i.follow(o, page) }, "SUCCEEDED", "SUSPENDED", false},
		"rollback": {func(i *installation, o operation) { i.rpc.heal(); i.followInstead(o, page) }, "ROLLED_BACK", "ACTIVE", true},
		"skip": {func(i *installation, o operation) {
			skips := slices.DeleteFunc(blocks(t, page), func(b block) bool { return b.kind != "skip" })
			i.goes(o, []string{skips[0].script})
		}, "SUCCEEDED", "SUSPENDED", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, impatient)
			i.start()
			tenant := i.becomesActive(i.create("Charité"))
			i.rpc.refuse()
			o := turns[0].ask(i, tenant.ID)
			i.reaches(o.ID, "NEEDS_ATTENTION")
			c.follow(i, o)
			i.reaches(o.ID, c.state)
			require.Equal(t, c.status, i.tenant(tenant.ID).Status)
			require.Equal(t, c.access, value[bool](i, `SELECT has_schema_privilege($1, $2, 'USAGE')`, tenant.RoleName, tenant.SchemaName))
		})
	}
}

// TestLifeInTheOperationsGuide runs the blocks of that section as they are written.
func TestLifeInTheOperationsGuide(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	tenant := i.becomesActive(i.create("Charité"))
	_, section, _ := strings.Cut(text(t, filepath.Join("..", "..", "docs", "OPERATIONS.md")), "## Suspend, resume,")
	section, _, _ = strings.Cut(section, "\n## ")
	scripts := fence.FindAllStringSubmatch(section, -1)
	require.GreaterOrEqual(t, len(scripts), 4)
	for _, script := range scripts {
		i.goes(operation{TenantID: tenant.ID}, []string{script[2]})
	}
	i.isGone(tenant)
}

func text(t *testing.T, path string) string {
	t.Helper()
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(written)
}

// TestRunbookSetup: what is not set has the product's default, and a password
// may be in a file.
func TestRunbookSetup(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte(i.env["DB_PASSWORD"]+"\n"), 0o600))
	i.env["DB_PASSWORD_FILE"], i.env["DB_USER"] = password, i.env["DB_USERNAME"]
	for _, name := range []string{"DB_PASSWORD", "DB_USERNAME", "DB_SSLMODE", "APP_URL", "TEMPORAL_NAMESPACE", "TEMPORAL_TASK_QUEUE"} {
		delete(i.env, name)
	}
	said := i.types(blocks(t, "README.md")[0].script + `
		psql -c "SELECT 'asked'"
		env`)
	require.Contains(t, said, "asked")
	for _, line := range []string{
		"APP_URL=http://localhost:" + i.env["APP_PORT"], "PGUSER=" + i.env["DB_USER"], "PGSSLMODE=prefer",
		"TEMPORAL_NAMESPACE=tenant-provisioning", "TEMPORAL_TASK_QUEUE=tenant-provisioning",
	} {
		require.Contains(t, said, "\n"+line+"\n")
	}
}

// TestRunbookOfMail does so for a provider that is back.
func TestRunbookOfMail(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	o := i.parksAfterThePivot()
	i.mail.Recover()
	i.follow(o, "email-down.md")
	i.becomesActive(o)
}

// TestRunbooksOfWhatIsBack does so for an RPC server that is back, and for a
// database that has room again: what has parked is the same.
func TestRunbooksOfWhatIsBack(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"stellar-down.md", "database-full.md"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			i := install(t, impatient)
			o := i.parksBeforeThePivot()
			i.rpc.heal()
			i.follow(o, page)
			i.becomesActive(o)
		})
	}
}

// TestRunbookOfABlockedRollback follows the page where a person with psql has
// given the tenant's role a privilege, so that it cannot be dropped.
func TestRunbookOfABlockedRollback(t *testing.T) {
	t.Parallel()
	const page = "rollback-blocked.md"
	t.Run("mended", func(t *testing.T) {
		t.Parallel()
		i := install(t, impatient)
		o, mend := i.blocksRollback()
		mend()
		i.follow(o, page)
		i.isRolledBack(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	})
	t.Run("given up", func(t *testing.T) {
		t.Parallel()
		i := install(t, impatient)
		o, mend := i.blocksRollback()
		i.followInstead(o, page)
		i.isLeftBehind(o, mend)
	})
}

// blocksRollback has an operation whose undo is refused until it is mended.
func (i *installation) blocksRollback() (o operation, mend func()) {
	i.t.Helper()
	o = i.parksBeforeThePivot()
	role := i.tenant(o.TenantID).RoleName
	i.execute(`GRANT USAGE ON SCHEMA public TO ` + role)
	i.actUntilAccepted(o.ID, "rollback")
	o = i.reaches(o.ID, "ROLLBACK_BLOCKED")
	require.Equal(i.t, client.FailureClassUndoFailed, o.FailureClass)
	require.Contains(i.t, o.FailureReason, "2BP01", "something depends on the role")
	require.Contains(i.t, o.FailureReason, "privileges for schema public")
	return o, func() { i.execute(`REVOKE USAGE ON SCHEMA public FROM ` + role) }
}

// isLeftBehind checks that what a skipped undo has left is known, and can be
// removed once it is mended.
func (i *installation) isLeftBehind(o operation, mend func()) {
	i.t.Helper()
	i.reaches(o.ID, "ROLLED_BACK")
	t := i.tenant(o.TenantID)
	left := i.reconciles()
	require.Len(i.t, left, 1)
	require.Equal(i.t, "failed-with-schema", left[0].Kind)
	require.Equal(i.t, t.SchemaName, left[0].Subject)
	mend()
	i.output("reconcile", "--repair", left[0].ID, "--yes", "--reason", "a test")
	i.requireNothingOf(t)
}

// TestRunbookOfABadDeployment follows the page where a version has taken a run
// over that cannot go on with it.
func TestRunbookOfABadDeployment(t *testing.T) {
	t.Parallel()
	for _, behavior := range []string{"auto-upgrade", "pinned"} {
		t.Run(behavior, func(t *testing.T) {
			t.Parallel()
			i := install(t, map[string]string{"STEP_RETRY_BUDGET": impatient["STEP_RETRY_BUDGET"], "TEMPORAL_WORKER_VERSIONING": behavior})
			i.rpc.refuse()
			i.startAPI()
			i.deploys("before")
			bad := i.deploys("bad")
			o := i.reaches(i.create("Charité").ID, "NEEDS_ATTENTION")
			bad.kill()
			i.rpc.heal()
			i.with(map[string]string{"BUILD": "before"}).follow(o, "bad-deployment.md")
			i.becomesActive(o)
		})
	}
}

// TestRunbookOfNoWorker follows the page where none was ever started, and starts
// one.
func TestRunbookOfNoWorker(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	o := i.create("Charité")
	i.follow(o, "no-worker.md")
	require.Equal(t, client.StatePending, i.operation(o.ID).State)
	i.startWorker()
	i.becomesActive(o)
}

// TestRunbooksThatLook runs what the other pages only look with, beside a run
// that is parked.
func TestRunbooksThatLook(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	o := i.parksBeforeThePivot()
	pages, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	require.NoError(t, err)
	acting := []string{
		"stuck-provisioning.md", "rollback-blocked.md", "email-down.md", "stellar-down.md", "database-full.md", "bad-deployment.md", "no-worker.md", "signer-away.md", "rotate-keys.md", "migration-stuck.md", "window-overrun.md", "backup-failed.md", "restore-one.md", "drill-failed.md", "incident-response.md", "restore-all.md",
	}
	for _, page := range pages {
		if page = filepath.Base(page); !slices.Contains(acting, page) {
			i.follow(o, page)
		}
	}
	require.Equal(t, client.StateNeedsAttention, i.operation(o.ID).State, "looking changes nothing")
}

// TestRunbooksAreListed keeps the index complete.
func TestRunbooksAreListed(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile(filepath.Join(runbooks, "README.md"))
	require.NoError(t, err)
	pages, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	require.NoError(t, err)
	for _, page := range pages {
		if name := filepath.Base(page); name != "README.md" {
			require.Contains(t, string(index), "("+name+")")
		}
	}
}
