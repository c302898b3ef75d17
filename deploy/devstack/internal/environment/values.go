package environment

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Values are environment variables by name.
type Values map[string]string

// Over returns the inherited variables (NAME=value, as [os.Environ] gives them)
// with the values in place of what they say about the same settings, under an
// alias or as NAME_FILE too (two sources for one setting are an error to the
// programs that read them), and without what would lead elsewhere.
func (v Values) Over(inherited []string) []string {
	hidden := map[string]bool{}
	for name := range v {
		hidden[name], hidden[name+"_FILE"] = true, true
		for _, alias := range aliases[name] {
			hidden[alias], hidden[alias+"_FILE"] = true, true
		}
	}
	var out []string
	for _, kv := range inherited {
		if name, _, _ := strings.Cut(kv, "="); !hidden[name] && !misleading(name) {
			out = append(out, kv)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		out = append(out, name+"="+v[name])
	}
	return out
}

// aliases are other names of the same settings.
var aliases = map[string][]string{
	"NODE_ENV":                         {"APP_ENV"},
	"DB_USERNAME":                      {"DB_USER"},
	"SOROBAN_CONTRACT_DEPLOYER_SECRET": {"SOROBAN_SECRET"},
}

// misleading tells whether a variable that a developer has set for another
// installation would make programs pass the stack by, or fail to reach it.
func misleading(name string) bool {
	switch name = strings.TrimSuffix(name, "_FILE"); name {
	case "REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_TLS", "JWT_JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE",
		"DB_SSLROOTCERT", "DB_SSLCERT", "DB_SSLKEY", "REDIS_SSLROOTCERT", "MAIL_SSLROOTCERT", "SOROBAN_RPC_SSLROOTCERT", "JWT_JWKS_SSLROOTCERT",
		"BACKUP_ACCESS_KEY", "BACKUP_SECRET_KEY", "BACKUP_VERIFY_KEYS":
		return true
	case "TEMPORAL_WORKER_VERSIONING":
		return false
	}
	// Temporal's covers address, TLS, API key and configuration files.
	return strings.HasPrefix(name, "TEMPORAL_") || strings.HasPrefix(name, "MAIL_BACKUP_")
}

// Shell returns lines NAME=value, sorted, quoted for a POSIX shell.
func (v Values) Shell() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(v)) {
		fmt.Fprintf(&b, "%s=%s\n", name, quote(v[name]))
	}
	return b.String()
}

// WriteFile writes [Values.Shell] in one step, so that a reader finds all of the
// file or none, and readable to the user alone, for it holds secrets.
func (v Values) WriteFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the directory of the environment file: %w", err)
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, []byte(v.Shell()), 0o600); err != nil {
		return fmt.Errorf("write the environment file: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write the environment file: %w", err)
	}
	return nil
}

// quote leaves plain words as they are and puts anything else into single quotes.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+,=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
