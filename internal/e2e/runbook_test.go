package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// block is a fenced block of a runbook that is to run as it is written. needs
// names the program that it is skipped without.
type block struct{ page, needs, script string }

var fence = regexp.MustCompile("(?ms)^```sh (run|setup) ?(\\w*)\n(.*?)^```$")

// blocks are those of a page, in order.
func blocks(t testing.TB, page, kind string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "runbooks", page))
	require.NoError(t, err)
	var found []block
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		if m[1] == kind {
			found = append(found, block{page: page, needs: m[2], script: m[3]})
		}
	}
	require.NotEmpty(t, found, page)
	return found
}

// follow runs the blocks of a page as an engineer who has the operation's ids.
func (i *installation) follow(o operation, page string) {
	i.t.Helper()
	setup := blocks(i.t, "README.md", "setup")[0].script
	env := map[string]string{"OPERATION": o.ID, "TENANT": o.TenantID}
	for name, value := range i.env {
		env[name] = value
	}
	env["PATH"] = filepath.Dir(binaries.path(i.t, "starter")) + string(os.PathListSeparator) + os.Getenv("PATH")
	for _, b := range blocks(i.t, page, "run") {
		if b.needs != "" {
			if _, err := exec.LookPath(b.needs); err != nil {
				i.t.Logf("%s: a block needs %s, which is not on the PATH: skipped", page, b.needs)
				continue
			}
		}
		p := launch(i.t, env, "/bin/sh", "-euc", setup+b.script)
		// 3 says that something needs attention, which is what is looked at.
		require.Contains(i.t, []int{0, 3}, p.wait(), "%s:\n%s\n%s%s", page, b.script, p.stdout.String(), p.stderr.String())
	}
}

// TestRunbookOfAStuckRun follows the page from the alert to the end.
func TestRunbookOfAStuckRun(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	o := i.parksBeforeThePivot()
	i.rpc.heal()
	i.follow(o, "stuck-provisioning.md")
	i.becomesActive(o)
	require.Equal(t, "ada.lovelace@hospital.example", i.tenant(o.TenantID).AdminEmail)
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

// TestRunbookOfTheLedger does so for an RPC server that is back.
func TestRunbookOfTheLedger(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	o := i.parksBeforeThePivot()
	i.rpc.heal()
	i.follow(o, "stellar-down.md")
	i.becomesActive(o)
}

// TestRunbooksThatLook runs what the other pages only look with, beside a run
// that is parked.
func TestRunbooksThatLook(t *testing.T) {
	t.Parallel()
	i := install(t, impatient)
	o := i.parksBeforeThePivot()
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "runbooks", "*.md"))
	require.NoError(t, err)
	acting := map[string]bool{"stuck-provisioning.md": true, "email-down.md": true, "stellar-down.md": true}
	for _, page := range pages {
		if page = filepath.Base(page); !acting[page] {
			i.follow(o, page)
		}
	}
	require.Equal(t, "NEEDS_ATTENTION", i.operation(o.ID).State, "looking changes nothing")
}

// TestRunbooksAreListed keeps the index complete.
func TestRunbooksAreListed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "docs", "runbooks")
	index, err := os.ReadFile(filepath.Join(dir, "README.md"))
	require.NoError(t, err)
	pages, err := filepath.Glob(filepath.Join(dir, "*.md"))
	require.NoError(t, err)
	for _, page := range pages {
		if name := filepath.Base(page); name != "README.md" {
			require.Contains(t, string(index), "("+name+")")
		}
	}
}
