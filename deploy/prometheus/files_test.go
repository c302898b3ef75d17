// Package prometheus_test checks the files of this folder, and the dashboards beside it,
// against what the product exports and against the runbooks.
package prometheus_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/observe"
	"tenant-provisioning/internal/tenant"
)

// catalogue takes the names of what is registered.
type catalogue map[string]bool

func (c catalogue) Register(x prometheus.Collector) error {
	descs := make(chan *prometheus.Desc, 1000)
	x.Describe(descs)
	close(descs)
	for d := range descs {
		name := regexp.MustCompile(`fqName: "([^"]*)"`).FindStringSubmatch(d.String())[1]
		c.add(name)
	}
	return nil
}

func (c catalogue) MustRegister(all ...prometheus.Collector) {
	for _, x := range all {
		_ = c.Register(x) // it always does
	}
}

func (catalogue) Unregister(prometheus.Collector) bool { return true }

// add adds what a histogram of that name would have as well.
func (c catalogue) add(names ...string) {
	for _, name := range names {
		for _, suffix := range []string{"", "_bucket", "_count", "_sum"} {
			c[name+suffix] = true
		}
	}
}

func nothing[T any](context.Context) (none T, err error) { return none, nil }

// exported is every metric of the product. Those of the Temporal SDK are named here, as
// OpenTelemetry's exporter for Prometheus names them.
func exported(t *testing.T) catalogue {
	t.Helper()
	c, quiet := catalogue{"up": true}, slog.New(slog.DiscardHandler)
	observe.NewHTTP(c)
	_, err := observe.NewRateLimit(c)
	require.NoError(t, err)
	_, err = observe.NewAnswers(c)
	require.NoError(t, err)
	observe.NewQueries(c)
	observe.NewMail(c)
	observe.NewLedger(c)
	observe.NewCertificates(c)
	observe.NewProvisioning(c, nil, quiet)
	c.MustRegister(
		observe.Installation(nothing[tenant.Overview], quiet), observe.Tenants(nothing[map[tenant.Status]int], quiet), observe.Workforce(nil), observe.Database(nothing[observe.DatabaseServer], quiet),
		observe.Redis(nothing[observe.RedisServer], quiet), observe.Accounts(nothing[observe.Balances], quiet), observe.Lives(nothing[tenant.Lives], quiet), observe.Purses(nothing[observe.Purse], quiet), observe.Pools{},
		observe.Capacity(nothing[[]tenant.Capacity], quiet), observe.Windows(nothing[tenant.Maintenance], quiet),
		observe.Backups(nothing[tenant.StandingBackups], quiet),
		observe.Fleets(nothing[map[tenant.FleetKind]tenant.FleetStanding], quiet),
	)
	families, err := observe.New().Gather()
	require.NoError(t, err)
	for _, f := range families {
		c.add(f.GetName())
	}
	c.add("temporal_num_pollers", "temporal_worker_task_slots_available", "temporal_worker_task_slots_used", "temporal_sticky_cache_size",
		"temporal_workflow_task_schedule_to_start_latency_seconds", "temporal_activity_schedule_to_start_latency_seconds",
		"temporal_activity_execution_latency_seconds", "temporal_local_activity_execution_latency_seconds",
		"temporal_activity_execution_failed_total", "temporal_workflow_task_execution_failed_total",
		"temporal_request_total", "temporal_request_latency_seconds", "temporal_request_failure_total", "temporal_long_request_failure_total")
	return c
}

var (
	text     = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	matchers = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]`)
	labels   = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\([^)]*\)`)
	word     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*\s*\(?`)
	// operators are the words of the language that no parenthesis follows.
	operators = []string{"and", "or", "unless", "bool"}
)

// asked are the metrics that a query names.
func asked(expr string) []string {
	expr = labels.ReplaceAllString(matchers.ReplaceAllString(text.ReplaceAllString(expr, `""`), " "), " ")
	var names []string
	for _, w := range word.FindAllString(expr, -1) {
		w = strings.TrimSpace(w)
		if !strings.HasSuffix(w, "(") && !slices.Contains(operators, w) && !regexp.MustCompile(`^e\d*$`).MatchString(w) {
			names = append(names, w)
		}
	}
	return names
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(content)
}

// recorded are the recording rules, by name.
func recorded(t *testing.T) map[string]string {
	t.Helper()
	rules := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)- record: (\S+)\n +expr: (.*)$`).FindAllStringSubmatch(read(t, "rules.yml"), -1) {
		rules[m[1]] = m[2]
	}
	require.NotEmpty(t, rules)
	return rules
}

type alert struct{ expr, severity, team, summary, runbook string }

var alertRule = regexp.MustCompile(`- alert: (\S+)\n +expr: >-\n +(.*)\n +for: \S+\n +labels:\n +severity: (\S+)\n +team: (\S+)\n +annotations:\n +summary: '(.*)'\n +runbook: (\S+)\n`)

func alerts(t *testing.T) map[string]alert {
	t.Helper()
	content := read(t, "alerts.yml")
	found := map[string]alert{}
	for _, m := range alertRule.FindAllStringSubmatch(content, -1) {
		found[m[1]] = alert{m[2], m[3], m[4], m[5], m[6]}
	}
	require.Len(t, found, strings.Count(content, "- alert: "), "each alert has all that an alert has, in the order of the others")
	return found
}

// TestQueriesAskForWhatIsExported: rules, alerts and dashboards.
func TestQueriesAskForWhatIsExported(t *testing.T) {
	t.Parallel()
	known, rules := exported(t), recorded(t)
	queries := map[string]string{}
	maps.Copy(queries, rules)
	for name, a := range alerts(t) {
		queries[name] = a.expr
	}
	dashboards, err := filepath.Glob(filepath.Join("..", "grafana", "dashboards", "*.json"))
	require.NoError(t, err)
	require.Len(t, dashboards, 5)
	for _, file := range dashboards {
		var d struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(read(t, file)), &d), file)
		for _, panel := range d.Panels {
			for _, target := range panel.Targets {
				queries[filepath.Base(file)+": "+panel.Title+": "+target.Expr] = target.Expr
			}
		}
	}
	for where, expr := range queries {
		names := asked(expr)
		require.NotEmpty(t, names, "%s: %s", where, expr)
		for _, name := range names {
			_, isRule := rules[name]
			require.True(t, known[name] || isRule, "%s asks for %s, which nobody exports", where, name)
		}
	}
}

// ofBackups are gauges: what a histogram of such a name would have beside is none.
var ofBackups = regexp.MustCompile(`^(backups?|restore_drills?)_.*(age_seconds|late|broken|failed|tenants)$`)

// TestBackupsAndDrillsAreShown: each metric of them is on a dashboard.
func TestBackupsAndDrillsAreShown(t *testing.T) {
	t.Parallel()
	dashboards, err := filepath.Glob(filepath.Join("..", "grafana", "dashboards", "*.json"))
	require.NoError(t, err)
	shown := ""
	for _, file := range dashboards {
		shown += read(t, file)
	}
	looked := 0
	for name := range exported(t) {
		if ofBackups.MatchString(name) {
			looked++
			isShown := strings.Contains(shown, "("+name+")")
			require.True(t, isShown, "no dashboard shows %s", name)
		}
	}
	require.Equal(t, 6, looked)
}

// TestAlertsLeadToRunbooks: each alert to a page that is there, and each page is led to
// by an alert or by a symptom in the index.
func TestAlertsLeadToRunbooks(t *testing.T) {
	t.Parallel()
	routes, led := read(t, "alertmanager.yml"), map[string]bool{}
	for name, a := range alerts(t) {
		require.FileExists(t, filepath.Join("..", "..", a.runbook), name)
		led[filepath.Base(a.runbook)] = true
		require.Contains(t, []string{"critical", "warning"}, a.severity, name)
		require.Contains(t, routes, "[team = "+a.team+"]", name)
		require.NotEmpty(t, a.summary, name)
		page := read(t, "..", "..", a.runbook)
		require.Contains(t, page, "## Look", a.runbook)
	}
	index := read(t, "..", "..", "docs", "runbooks", "README.md")
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "runbooks", "*.md"))
	require.NoError(t, err)
	for _, page := range pages {
		name := filepath.Base(page)
		require.True(t, name == "README.md" || led[name] || strings.Contains(index, "("+name+")"), "%s: neither an alert nor a symptom leads to it", name)
	}
}

// TestAlertsFireAndAreQuiet by promtool, as the files in tests say, which have both
// cases of each.
func TestAlertsFireAndAreQuiet(t *testing.T) {
	t.Parallel()
	cases := read(t, "tests", "alerts_test.yml") + read(t, "tests", "slow_test.yml")
	for name := range alerts(t) {
		require.Contains(t, cases, "- name: "+name+" fires\n")
		require.Contains(t, cases, "- name: "+name+" is quiet\n")
	}
	if _, err := exec.LookPath("promtool"); err != nil {
		require.Empty(t, os.Getenv("CI"), "CI has promtool")
		t.Skip("needs promtool, of the Debian package prometheus")
	}
	for _, args := range [][]string{{"check", "config", "prometheus.yml"}, {"check", "rules", "rules.yml", "alerts.yml"}, {"test", "rules", filepath.Join("tests", "alerts_test.yml"), filepath.Join("tests", "slow_test.yml")}} {
		out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput()
		require.NoError(t, err, "promtool %v\n%s", args, out)
	}
}

// TestRoutesAreRight by amtool.
func TestRoutesAreRight(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("amtool"); err != nil {
		require.Empty(t, os.Getenv("CI"), "CI has amtool")
		t.Skip("needs amtool, of the Debian package prometheus-alertmanager")
	}
	out, err := exec.CommandContext(t.Context(), "amtool", "check-config", "alertmanager.yml").CombinedOutput()
	require.NoError(t, err, string(out))
	for labels, want := range map[string]string{
		"severity=critical team=platform": "on-call,platform", "severity=critical team=ledger": "on-call,ledger",
		"severity=warning team=database": "database", "severity=warning team=security": "security",
	} {
		args := append([]string{"config", "routes", "test", "--config.file=alertmanager.yml"}, strings.Fields(labels)...)
		out, err := exec.CommandContext(t.Context(), "amtool", args...).Output()
		require.NoError(t, err, string(out))
		require.Equal(t, want, strings.TrimSpace(string(out)), labels)
	}
}
