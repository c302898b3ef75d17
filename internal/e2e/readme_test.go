package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/child"
)

var useIt = regexp.MustCompile("(?ms)^## Use it\n.*?^```sh\n(.*?)^```$")

// makes stands for the two targets of the Makefile that the block calls: what
// they compile is compiled already.
const makes = `#!/bin/sh
case "$*" in
"build bin/devstack") mkdir -p bin && ln -sf "$BUILT"/api "$BUILT"/worker "$BUILT"/starter bin && ln -sf "$STACK" bin/devstack ;;
devstack) exec bin/devstack up --data-dir .devstack --starter bin/starter ;;
*) echo "make $*: it is not known what that does"; exit 2 ;;
esac
`

// TestReadmeIsPastedTwice, and once more where the stack was killed in between
// and has left its addresses: each time everything runs once, and the same
// tenants are there.
func TestReadmeIsPastedTwice(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	block := useIt.FindStringSubmatch(string(text))
	require.NotNil(t, block, "README.md has a block to paste")

	checkout := t.TempDir()
	tools := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(tools, "make"), []byte(makes), 0o755))

	const paste = "echo PASTED >&2; echo PASTED\n"
	script := `cd "$CHECKOUT"; trap 'kill $(jobs -p); wait' EXIT` + "\n" +
		paste + block[1] + paste + block[1] + `kill -KILL $(jobs -p); wait || true` + "\n" + paste + block[1]
	p := launchAs(t, child.Spec{Path: "bash", Args: []string{"-euc", script}, Family: true}, map[string]string{
		"PATH": tools + string(os.PathListSeparator) + os.Getenv("PATH"), "CHECKOUT": checkout,
		"BUILT": filepath.Dir(binaries.path(t, "starter")), "STACK": devstack(t),
	})
	require.Zero(t, p.wait())

	said := strings.Split(p.stdout.String(), "PASTED\n")[1:]
	require.Len(t, said, 3)
	accepted := regexp.MustCompile(`"id":"([0-9a-f-]+)"`)
	first := accepted.FindStringSubmatch(said[0])
	for n, s := range said {
		require.Contains(t, s, " 202 Accepted", "%d", n)
		require.Equal(t, first, accepted.FindStringSubmatch(s), "the same operation")
		for _, name := range []string{"Lakeside Clinic", "Harbour Hospital", "Hillside Practice"} {
			require.Contains(t, s, name)
		}
	}
	require.Contains(t, said[2], "devstack ready", "it was started again")
	require.NotContains(t, said[1], "devstack ready")
	for _, wrong := range []string{"address already in use", "another devstack", "No such process"} {
		require.NotContains(t, p.stdout.String()+p.stderr.String(), wrong)
	}
}
