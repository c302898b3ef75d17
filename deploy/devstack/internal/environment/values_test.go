package environment_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/deploy/devstack/internal/environment"
)

// Whatever a value is, a shell that sources the file has exactly it.
func TestAShellReadsBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "env")
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringOf(rapid.Rune().Filter(func(r rune) bool { return r != 0 && r != '\uFFFD' })).Draw(t, "value")
		require.NoError(t, environment.Values{"X": value, "Y": "1"}.WriteFile(path))
		out, err := exec.Command("sh", "-c", `set -a; . "$0"; printf %s "$X"; test "$Y" = 1`, path).Output()
		require.NoError(t, err)
		require.Equal(t, value, string(out))
	})
}

func TestTheFileIsForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "env")
	require.NoError(t, environment.Values{"A": "plain", "B": "two words"}.WriteFile(path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "A=plain\nB='two words'\n", string(raw))
}

func TestValuesReplaceWhatWasInheritedUnderAnyName(t *testing.T) {
	t.Parallel()
	values := environment.Values{"DB_USERNAME": "postgres", "DB_PASSWORD": "new", "NODE_ENV": "development"}
	out := values.Over([]string{"HOME=/root", "DB_USER=old", "DB_PASSWORD_FILE=/run/secret", "APP_ENV=production", "DB_PASSWORDS=kept",
		"TEMPORAL_API_KEY=cloud", "REDIS_PASSWORD_FILE=/run/redis", "DB_SSLROOTCERT=/ca.pem", "JWT_JWKS_SSLROOTCERT_FILE=/ca.pem", "BACKUP_SECRET_KEY_FILE=/run/bucket", "SOROBAN_CHANNELS=3"})
	require.Equal(t, "HOME=/root DB_PASSWORDS=kept SOROBAN_CHANNELS=3 DB_PASSWORD=new DB_USERNAME=postgres NODE_ENV=development", strings.Join(out, " "))
}
