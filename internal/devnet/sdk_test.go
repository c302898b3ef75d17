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
	require.Equal(t, "FAILED", usesTheNetwork(t, dir, "node", "deploy.mjs"), "the host refuses a stranger")
}

// TestPythonSDK is the same with the official Python SDK, where make clients has
// installed it.
func TestPythonSDK(t *testing.T) {
	t.Parallel()
	python := os.Getenv("STELLAR_SDK_PYTHON")
	if python == "" {
		t.Skip("STELLAR_SDK_PYTHON names no interpreter: the Python SDK is tried by make clients")
	}
	require.Equal(t, "FAILED", usesTheNetwork(t, filepath.Join("testdata", "pysdk"), python, "deploy.py"), "the host refuses a stranger")
}

// usesTheNetwork runs a program of testdata, and says how a stranger was refused.
func usesTheNetwork(t *testing.T, dir, interpreter, program string) string {
	t.Helper()
	wasm := filepath.Join(t.TempDir(), "tenant.wasm")
	require.NoError(t, os.WriteFile(wasm, tenantcontract.Wasm, 0o600))
	run := command(t, dir, interpreter, program, devnettest.Start(t), devnet.Passphrase, wasm)
	run.Stderr = os.Stderr
	out, err := run.Output()
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
	require.NotZero(t, saw.InstanceLedger)
	require.Equal(t, saw.SuspendedLedger, saw.HeaderLedger, "of getLedgers")
	require.Equal(t, 2, saw.SetSize, "phases: classic and Soroban")
	require.Equal(t, []string{tenantcontract.EventStatusChanged}, saw.Events)
	return saw.Refused
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
	return cmd
}
