package devnet_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/devnet/devnettest"
)

// The official JavaScript SDK sees an ordinary network: it is funded, uploads,
// deploys, calls, is refused, and reads events.
func TestJavaScriptSDK(t *testing.T) {
	t.Parallel()
	dir := installJavaScriptSDK(t)
	url := devnettest.Start(t)
	wasm := filepath.Join(dir, "tenant.wasm")
	require.NoError(t, os.WriteFile(wasm, tenantcontract.Wasm, 0o600))

	out, err := command(t, dir, "node", "deploy.mjs", url, devnet.Passphrase, wasm).Output()
	require.NoError(t, err)
	var saw struct {
		Health, Passphrase, ID, WasmHash, Commitment, Refused string
		Before, After                                         uint32
		Admin                                                 bool
		InstanceLedger, SuspendedLedger, HeaderLedger         uint32
		SetSize                                               int
		Events                                                []string
	}
	require.NoError(t, json.Unmarshal(out, &saw), string(out))
	hash := tenantcontract.Hash()
	require.Equal(t, "healthy", saw.Health)
	require.Equal(t, devnet.Passphrase, saw.Passphrase)
	require.Equal(t, hex.EncodeToString(hash[:]), saw.WasmHash)
	require.True(t, strings.HasPrefix(saw.ID, "C"), saw.ID)
	require.Equal(t, strings.Repeat("07", 32), saw.Commitment)
	require.True(t, saw.Admin)
	require.Equal(t, uint32(tenantcontract.Active), saw.Before)
	require.Equal(t, uint32(tenantcontract.Suspended), saw.After)
	require.Equal(t, "FAILED", saw.Refused, "the host refuses a stranger")
	require.NotZero(t, saw.InstanceLedger)
	require.Equal(t, saw.SuspendedLedger, saw.HeaderLedger, "of getLedgers")
	require.Equal(t, 2, saw.SetSize, "phases: classic and Soroban")
	require.Equal(t, []string{tenantcontract.EventStatusChanged}, saw.Events)
}

// installJavaScriptSDK installs the pinned SDK into a directory of the test. A
// machine without Node skips; in CI, one with Node must succeed.
func installJavaScriptSDK(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: the JavaScript SDK is not tried", tool)
		}
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/jssdk")))
	if out, err := command(t, dir, "npm", "ci", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=5").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		t.Skipf("npm ci failed, the JavaScript SDK is not tried: %v\n%s", err, out)
	}
	return dir
}

func command(t *testing.T, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if name == "node" {
		cmd.Stderr = os.Stderr
	}
	return cmd
}
