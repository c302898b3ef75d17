package check

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
)

var root = filepath.Join("..", "..")

// content is a file of the repository.
func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	require.NoError(t, err)
	return string(text)
}

// example is .env.example, as compose reads it.
func example(t *testing.T) map[string]string {
	t.Helper()
	values, err := dotenv.Parse(strings.NewReader(content(t, ".env.example")))
	require.NoError(t, err)
	return values
}

// with are the values, and others instead of some.
func with(values map[string]string, others ...string) map[string]string {
	values = maps.Clone(values)
	for _, other := range others {
		name, value, _ := strings.Cut(other, "=")
		values[name] = value
	}
	return values
}

// project is a compose file, as compose reads it with these variables and all
// profiles.
func project(t *testing.T, text string, values map[string]string) (*types.Project, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "docker-compose.yml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	var environ []string
	for name, value := range values {
		environ = append(environ, name+"="+value)
	}
	options, err := cli.NewProjectOptions([]string{file},
		cli.WithWorkingDirectory(root), cli.WithEnv(environ), cli.WithProfiles([]string{"*"}), cli.WithConsistency(true))
	require.NoError(t, err)
	return options.LoadProject(context.Background())
}

func compose(t *testing.T, values map[string]string) *types.Project {
	t.Helper()
	p, err := project(t, content(t, "docker-compose.yml"), values)
	require.NoError(t, err)
	return p
}

// products are the services of ours, and whose settings they have. The operator's has
// all of them, for starter doctor.
var products = map[string]config.Process{
	"api": config.API, "worker": config.Worker, "migrate": config.Starter, "setup": config.Starter,
	"starter": config.Starter | config.API | config.Worker,
}

// environment is what a container gets, without what is set to nothing.
func environment(s types.ServiceConfig) map[string]string {
	values := map[string]string{}
	for name, value := range s.Environment {
		if value != nil && *value != "" {
			values[name] = *value
		}
	}
	return values
}

var catalogue = config.Catalogue()

// named is a value for each setting that cannot be taken for another's.
func named() map[string]string {
	values := map[string]string{"POSTGRES_PASSWORD": "x", "TEMPORAL_DB_PASSWORD": "x", "GRAFANA_PASSWORD": "x"}
	for _, s := range catalogue {
		values[s.Name] = "value-of-" + s.Name
	}
	values["APP_PORT"] = "3000" // stands where a number must be
	return values
}

// TestComposeHandsOnEverySetting, to each process those that it reads, under their
// own names, secrets as files.
func TestComposeHandsOnEverySetting(t *testing.T) {
	t.Parallel()
	p := compose(t, named())
	for name, process := range products {
		require.Empty(t, differences(process, fromCompose(p.Services[name])), name)
	}
}

// TestAMistakeInComposeIsSeen: the checks above are worth something.
func TestAMistakeInComposeIsSeen(t *testing.T) {
	t.Parallel()
	text := content(t, "docker-compose.yml")
	for _, c := range []struct{ old, mistaken, says string }{
		{"  DB_NAME: ${DB_NAME:-}", "  DB_NAM: ${DB_NAME:-}", "DB_NAM: is no setting"},
		{"  CACHE_MAX_AGE: ${CACHE_MAX_AGE:-}\n", "", "CACHE_MAX_AGE: is missing"},
		{"  REDIS_TLS: ${REDIS_TLS:-}", "  REDIS_TLS: ${REDIS_HOST:-}", "REDIS_TLS: has another's value"},
		{"  JWT_SECRET_FILE: ${JWT_SECRET:+/run/secrets/JWT_SECRET}", "  JWT_SECRET: ${JWT_SECRET:-}", "JWT_SECRET: is secret, and no file"},
		{"      - REDIS_PASSWORD\n", "", "REDIS_PASSWORD: its file is not mounted"},
	} {
		require.Contains(t, text, c.old)
		p, err := project(t, strings.ReplaceAll(text, c.old, c.mistaken), named())
		require.NoError(t, err)
		require.Contains(t, differences(config.API, fromCompose(p.Services["api"])), c.says)
	}
	for _, c := range []struct{ old, mistaken string }{
		{"depends_on: {temporal: ", "depends_on: {temporall: "},
		{"    stop_grace_period:", "    stop_grace:"},
		{"secrets: [REDIS_PASSWORD]", "secrets: [REDIS_PASWORD]"},
	} {
		require.Contains(t, text, c.old)
		_, err := project(t, strings.Replace(text, c.old, c.mistaken, 1), named())
		require.Error(t, err, c.mistaken)
	}
}

// settingsOf has config read what a container would.
func settingsOf(t *testing.T, p *types.Project, service string, extra ...string) (*config.Config, error) {
	t.Helper()
	dir := t.TempDir()
	environ := extra
	for name, value := range environment(p.Services[service]) {
		if secret, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
			value = filepath.Join(dir, secret)
			require.NoError(t, os.WriteFile(value, []byte(p.Secrets[secret].Content), 0o600))
		}
		environ = append(environ, name+"="+value)
	}
	var needs config.Section
	for process, section := range map[config.Process]config.Section{
		config.API: config.NeedByAPI, config.Worker: config.NeedByWorker, config.Starter: config.NeedByStarter,
	} {
		if products[service]&process != 0 {
			needs |= section
		}
	}
	return config.Load(config.Options{Environ: environ, Dir: dir}, needs)
}

func TestTheExampleWorks(t *testing.T) {
	t.Parallel()
	p := compose(t, example(t))
	for service := range products {
		cfg, err := settingsOf(t, p, service)
		require.NoError(t, err, service)
		require.Empty(t, cfg.Warnings)
		require.Equal(t, config.Development, cfg.Environment)
		require.Equal(t, "postgres", cfg.DB.Host)
		require.Equal(t, "temporal:7233", cfg.Temporal.Address)
	}
	cfg, err := settingsOf(t, p, "worker")
	require.NoError(t, err)
	require.Equal(t, config.SendGrid, cfg.Mail.Transport)
	require.Equal(t, config.LocalPassphrase, cfg.Soroban.Passphrase)
	for _, url := range []string{cfg.Soroban.RPCURL, cfg.Mail.SendGridURL} {
		require.Contains(t, url, "http://local:", "what the profile of that name has")
	}
}

// TestTheExampleIsNoProduction, and what is missing or contradicts is named.
func TestWhatIsWrongIsNamed(t *testing.T) {
	t.Parallel()
	values := example(t)
	for _, c := range []struct {
		service string
		set     []string
		says    []string
	}{
		{"api", []string{"NODE_ENV=production"}, []string{"APP_URL", "DB_PASSWORD", "JWT_SECRET", "PAYLOAD_KEYS"}},
		{"worker", []string{"NODE_ENV=production"}, []string{"APP_URL", "DB_PASSWORD", "MAIL_PASSWORD", "SOROBAN_NETWORK", "SOROBAN_CONTRACT_DEPLOYER_SECRET", "PAYLOAD_KEYS"}},
		{"api", []string{"JWT_SECRET="}, []string{"JWT_SECRET: missing"}},
		{"worker", []string{"SOROBAN_CONTRACT_DEPLOYER_SECRET="}, []string{"SOROBAN_CONTRACT_DEPLOYER_SECRET (or SOROBAN_SECRET): missing"}},
		{"api", []string{"REDIS_SSLROOTCERT=-----BEGIN CERTIFICATE-----"}, []string{"REDIS_SSLROOTCERT"}},
		{"migrate", []string{"DB_PORT=postgres"}, []string{"DB_PORT"}},
	} {
		_, err := settingsOf(t, compose(t, with(values, c.set...)), c.service)
		for _, says := range c.says {
			require.ErrorContains(t, err, says, "%s with %s", c.service, c.set)
		}
	}
	_, err := settingsOf(t, compose(t, values), "api", "JWT_SECRET="+strings.Repeat("x", 64))
	require.ErrorContains(t, err, "JWT_SECRET and JWT_SECRET_FILE are both set")

	without := with(values)
	delete(without, "DB_USERNAME")
	_, err = project(t, content(t, "docker-compose.yml"), without)
	require.ErrorContains(t, err, "DB_USERNAME")
}

// TestTheExampleHasEveryVariable of the compose file, and no other. What compose
// takes secrets from must be set, if only to nothing.
func TestTheExampleHasEveryVariable(t *testing.T) {
	t.Parallel()
	file := content(t, "docker-compose.yml")
	var used []string
	for _, m := range regexp.MustCompile(`(?m)(?:^|[^$])\$\{([A-Z_]+)|\{environment: ([A-Z_]+)\}`).FindAllStringSubmatch(file, -1) {
		used = append(used, m[1]+m[2])
	}
	var offered []string
	for _, m := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=`).FindAllStringSubmatch(content(t, ".env.example"), -1) {
		offered = append(offered, m[1])
	}
	slices.Sort(used)
	slices.Sort(offered)
	require.Equal(t, slices.Compact(used), offered)
	for name := range compose(t, example(t)).Secrets {
		require.Contains(t, example(t), name)
	}
}

func TestComposeServicesAreBounded(t *testing.T) {
	t.Parallel()
	p := compose(t, example(t))
	for name, s := range p.Services {
		require.NotEmpty(t, s.Restart, name)
		require.NotNil(t, s.Logging, name)
		require.NotEmpty(t, s.Logging.Options["max-size"], name)
		require.NotNil(t, s.Deploy, name)
		limits := s.Deploy.Resources.Limits
		require.Positive(t, limits.MemoryBytes, name)
		require.Positive(t, limits.NanoCPUs, name)
		if bound, ok := environment(s)["GOMEMLIMIT"]; ok || products[name] != 0 {
			requireNinetyPercent(t, int64(limits.MemoryBytes), bound, name)
		}
		for _, port := range s.Ports {
			require.True(t, name == "api" || port.HostIP == "127.0.0.1", "%s opens %s to others", name, port.Published)
		}
		for _, v := range s.Volumes {
			// Compose makes the folder for backups; deploy/prometheus and deploy/grafana have
			// tests of their own.
			if v.Type == types.VolumeTypeBind && filepath.Base(v.Source) != "backups" {
				_, err := os.Stat(v.Source)
				require.NoError(t, err, name)
			}
		}
		require.False(t, s.ReadOnly && len(s.Secrets) > 0, "%s: compose copies no secret from the environment into a root that is read-only", name)
	}
	require.Len(t, p.Services["api"].Ports, 1)
	require.Equal(t, "3000", p.Services["api"].Ports[0].Published)
}

// requireNinetyPercent holds Go's soft limit to 90 % of the hard one, rounded down.
func requireNinetyPercent(t *testing.T, limit int64, bound, name string) {
	t.Helper()
	require.Equal(t, strconv.FormatInt(limit*9/10>>20, 10)+"MiB", bound, "GOMEMLIMIT of %s, with a limit of %d MiB", name, limit>>20)
}

// TestComposeWaitsForWhatIsReady: who is waited for can say so, and one-shots end.
func TestComposeWaitsForWhatIsReady(t *testing.T) {
	t.Parallel()
	p := compose(t, example(t))
	for name, s := range p.Services {
		for needed, how := range s.DependsOn {
			other := p.Services[needed]
			switch how.Condition {
			case types.ServiceConditionHealthy:
				require.NotNil(t, other.HealthCheck, "%s waits for the health of %s", name, needed)
				require.False(t, other.HealthCheck.Disable, "%s waits for the health of %s", name, needed)
			case types.ServiceConditionCompletedSuccessfully:
				require.Equal(t, "on-failure:3", other.Restart, "%s waits for the end of %s", name, needed)
			default:
				t.Errorf("%s waits for %s to be started only", name, needed)
			}
			require.True(t, how.Required || len(other.Profiles) > 0, "%s goes without %s", name, needed)
		}
	}
	for name, process := range products {
		if process&config.Starter != 0 {
			require.True(t, p.Services[name].HealthCheck.Disable, "%s would have that of the image, an api's", name)
		}
	}
	for _, name := range []string{"api", "worker"} {
		require.Equal(t, types.ServiceConditionCompletedSuccessfully, p.Services[name].DependsOn["setup"].Condition)
		require.Equal(t, types.HealthCheckTest{"CMD", name, "healthcheck"}, p.Services[name].HealthCheck.Test)
	}
	require.Equal(t, types.ServiceConditionCompletedSuccessfully, p.Services["setup"].DependsOn["migrate"].Condition)
}
