package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
)

// TestEverySettingIsExplainedOnce, and nothing that is not read.
func TestEverySettingIsExplainedOnce(t *testing.T) {
	t.Parallel()
	var read, explained []string
	for _, s := range catalogue {
		read = append(read, s.Name)
		require.NotZero(t, s.Readers, s.Name)
		require.NotEmpty(t, s.Expected, s.Name)
	}
	for _, chapter := range config.Chapters() {
		for _, entry := range chapter.Entries {
			explained = append(explained, entry.Names...)
			require.NotEmpty(t, entry.Means, entry.Names)
			require.True(t, len(entry.Unset) < 2 || len(entry.Unset) == len(entry.Names), "%s: of all, or of each", entry.Names)
		}
	}
	require.ElementsMatch(t, read, explained)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(read))), len(read))
}

func TestCatalogueSaysWhatLoadDoes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		process config.Process
		needs   config.Section
	}{{config.API, config.NeedByAPI}, {config.Worker, config.NeedByWorker}, {config.Starter, config.NeedByStarter}} {
		for environment, required := range map[string]func(config.Setting) config.Process{
			"development": func(s config.Setting) config.Process { return s.Required },
			"production":  func(s config.Setting) config.Process { return s.RequiredInProduction },
		} {
			_, err := load(t, tt.needs, "NODE_ENV="+environment)
			missing := problems(t, err)
			for _, s := range catalogue {
				title := s.Name
				if len(s.Aliases) > 0 {
					title += " (or " + strings.Join(s.Aliases, ", ") + ")"
				}
				require.Equal(t, required(s)&tt.process != 0, missing[title] != "", "%s of %d, %s", s.Name, tt.process, environment)
				delete(missing, title)
			}
			require.Empty(t, missing)
		}
	}
}

// TestDefaultsAreAccepted: who writes a default out changes nothing.
func TestDefaultsAreAccepted(t *testing.T) {
	t.Parallel()
	without, err := load(t, every, valid()...)
	require.NoError(t, err)
	var defaults []string
	for _, s := range catalogue {
		if s.Default != "" && s.Name != "MAIL_BACKUP_PORT" { // by which there would be a backup
			defaults = append(defaults, s.Name+"="+s.Default)
		}
	}
	with, err := load(t, every, append(defaults, valid()...)...)
	require.NoError(t, err)
	require.Equal(t, without.Temporal.Address, with.Temporal.Address)
	without.Temporal, with.Temporal = config.Temporal{}, config.Temporal{} // with a function, which cannot be compared
	require.Equal(t, without, with)
}

// TestEverySecretIsOne: what has a secret's name is treated as one.
func TestEverySecretIsOne(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`SECRET|PASSWORD|API_KEY$|KEY_DATA|_AUTH$|PAYLOAD_KEYS|WEBHOOK$|META_|_HEADERS$|_IDENTITY$|_SIGNING_KEY$`)
	for _, s := range catalogue {
		require.Equal(t, named.MatchString(s.Name), s.Secret, s.Name)
	}
}

// TestStarterNeedsNoMore: the catalogue knows every section that a subcommand
// asks for.
func TestStarterNeedsNoMore(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "starter", "*.go"))
	require.NoError(t, err)
	asked := map[string]bool{}
	for _, file := range files {
		if slices.Contains([]string{"doctor.go", "restore_all.go", "backup_rewrap.go"}, filepath.Base(file)) { // they take what api and worker read
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`config\.(Need\w+)`).FindAllStringSubmatch(string(text), -1) {
			asked[m[1]] = true
		}
	}
	require.Equal(t, map[string]bool{"NeedDB": true, "NeedJWT": true, "NeedSoroban": true, "NeedTemporal": true, "NeedProvisioning": true, "NeedMaintenance": true, "NeedSchedule": true, "NeedLogStore": true}, asked,
		"with another one, change config.NeedByStarter and this")
}
