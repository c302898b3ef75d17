package check

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
)

func stack(t *testing.T, text string, values map[string]string) *types.Project {
	t.Helper()
	p, err := project(t, text, values)
	require.NoError(t, err)
	return p
}

// needed are the problems that concern more than an optional secret: Swarm knows
// none, so that the stack has those of them in comments.
func needed(text string, found []string) []string {
	var left []string
	for _, f := range found {
		name, optional := strings.CutSuffix(f, ": is missing")
		if optional && strings.Contains(text, "\n  #"+name+"_FILE: /run/secrets/"+name+"\n") {
			continue
		}
		left = append(left, f)
	}
	return left
}

func TestStackHandsOnEverySetting(t *testing.T) {
	t.Parallel()
	text := content(t, "deploy/swarm/stack.yml")
	values := with(named(), "VERSION=1")
	p := stack(t, text, values)
	for _, name := range []string{"migrate", "setup", "api", "worker"} {
		require.Empty(t, needed(text, differences(products[name], fromCompose(p.Services[name]))), name)
	}
	for _, c := range []struct{ old, mistaken, says string }{
		{"  REDIS_TLS: ", "  REDIS_TSL: ", "REDIS_TSL: is no setting"},
		{"  #REDIS_PASSWORD_FILE: ", "  #REDIS_PASWORD_FILE: ", "REDIS_PASSWORD: is missing"},
	} {
		mistaken := strings.Replace(text, c.old, c.mistaken, 1)
		require.NotEqual(t, text, mistaken)
		p := stack(t, mistaken, values)
		require.Contains(t, needed(mistaken, differences(config.API, fromCompose(p.Services["api"]))), c.says)
	}
}

// TestStackWorks in production, with the secrets that it has.
func TestStackWorks(t *testing.T) {
	t.Parallel()
	p := stack(t, content(t, "deploy/swarm/stack.yml"), map[string]string{
		"VERSION": "1.0.0", "DB_HOST": "db", "DB_USERNAME": "platform", "DB_NAME": "platform", "REDIS_HOST": "redis", "TEMPORAL_ADDRESS": "temporal:7233",
		"APP_URL": "https://tenants.example.org", "MAIL_TRANSPORT": "sendgrid", "MAIL_FROM": "no-reply@example.org",
		"SOROBAN_NETWORK": "public", "SOROBAN_RPC_URL": "https://rpc.example.org",
	})
	for name := range p.Secrets {
		secret := p.Secrets[name]
		secret.Content = strong[name]
		p.Secrets[name] = secret
	}
	for name, s := range p.Services {
		cfg, err := settingsOf(t, p, name)
		require.NoError(t, err, name)
		require.Equal(t, config.Production, cfg.Environment)
		require.True(t, s.ReadOnly, name)
		require.Equal(t, products[name] == config.Starter, s.HealthCheck.Disable, "%s: the image's check is of an api", name)
		requireNinetyPercent(t, int64(s.Deploy.Resources.Limits.MemoryBytes), environment(s)["GOMEMLIMIT"], name)
	}
	for _, name := range []string{"api", "worker"} {
		require.Equal(t, "start-first", p.Services[name].Deploy.UpdateConfig.Order)
	}
	_, err := project(t, content(t, "deploy/swarm/stack.yml"), map[string]string{})
	require.Error(t, err, "without a version it would run whichever")
}
