package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	prometheusFiles = filepath.Join("..", "..", "deploy", "prometheus")
	grafanaFiles    = filepath.Join("..", "..", "deploy", "grafana", "dashboards")
)

// TestMonitored has a real Prometheus scrape the running product by the rules, alerts
// and routes that come with it, and a real Alertmanager tell of them. Every query of the
// dashboards has series; Redis goes away, and the alert of it arrives at the receiver of
// its team and is over when Redis is back.
func TestMonitored(t *testing.T) {
	t.Parallel()
	onPath(t, "prometheus")
	onPath(t, "prometheus-alertmanager")
	metrics := address(freePort(t))
	i := install(t, map[string]string{"METRICS_ADDR": metrics, "DB_DISK_BYTES": "1000000000000000"})
	redis := i.throughGate("REDIS_HOST", "REDIS_PORT")
	i.start()
	tenant := i.becomesActive(i.create("Charité"))
	i.suspends(tenant)
	receiver := newReceiver(t)
	p := i.monitored(metrics, receiver.url)
	p.showsEveryQuery()

	redis.cut()
	eventually(t, "a request finds that Redis is away", func() bool {
		i.call(http.MethodGet, "/v1/tenants", nil)
		return strings.Contains(i.redisCounts(), "rate_limit_shared 0")
	})
	alert := receiver.awaits(t, "RateLimitNotShared", "firing")
	require.Equal(t, "docs/runbooks/redis-away.md", alert.Annotations["runbook"])
	require.FileExists(t, filepath.Join("..", "..", alert.Annotations["runbook"]))
	require.Equal(t, "platform", alert.Labels["team"])
	require.Contains(t, alert.Annotations["summary"], "(0)")
	redis.open()
	receiver.awaits(t, "RateLimitNotShared", "resolved")
}

// suspends takes access from a tenant, so that a second kind of operation was seen.
func (i *installation) suspends(x tenant) {
	i.t.Helper()
	i.types("starter suspend " + x.ID + ` --reason "ticket 1" --wait`)
}

// prom is a Prometheus that scrapes an installation.
type prom struct {
	t   testing.TB
	url string
}

// monitored starts Prometheus and Alertmanager on copies of the files that come with the
// product. Changed are: what is scraped and how often, how long a condition must hold,
// and where receivers are.
func (i *installation) monitored(worker, receiver string) *prom {
	i.t.Helper()
	dir := i.t.TempDir()
	alertmanager, server := address(freePort(i.t)), address(freePort(i.t))
	for _, name := range []string{"rules.yml", "alerts.yml"} {
		text := readFile(i.t, filepath.Join(prometheusFiles, name))
		text = regexp.MustCompile(`(?m)^( +)for: .*$`).ReplaceAllString(text, "${1}for: 1s")
		writeFile(i.t, filepath.Join(dir, name), text)
	}
	writeFile(i.t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [rules.yml, alerts.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['%s']}]}]}
scrape_configs:
  - {job_name: api, static_configs: [{targets: ['%s']}]}
  - {job_name: worker, static_configs: [{targets: ['%s']}]}
`, alertmanager, strings.TrimPrefix(i.url, "http://"), worker))
	routes := readFile(i.t, filepath.Join(prometheusFiles, "alertmanager.yml"))
	routes = regexp.MustCompile(`(?s)email_configs:\n      - to: [^\n]*`).ReplaceAllString(routes, "webhook_configs:\n      - url: "+receiver)
	routes = regexp.MustCompile(`url: http://pager\.example/alerts`).ReplaceAllString(routes, "url: "+receiver)
	routes = regexp.MustCompile(`(?m)^  smtp_.*\n`).ReplaceAllString(routes, "")
	routes = regexp.MustCompile(`(?m)group_(wait|interval): .*$`).ReplaceAllString(routes, "group_${1}: 1s")
	routes = strings.Replace(routes, "global:\n", "global:\n  resolve_timeout: 1m\n", 1)
	writeFile(i.t, filepath.Join(dir, "alertmanager.yml"), routes)
	launch(i.t, nil, onPath(i.t, "prometheus-alertmanager"), "--config.file="+filepath.Join(dir, "alertmanager.yml"),
		"--storage.path="+filepath.Join(dir, "alertmanager"), "--web.listen-address="+alertmanager, "--cluster.listen-address=")
	launch(i.t, nil, onPath(i.t, "prometheus"), "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "prometheus"), "--web.listen-address="+server)
	p := &prom{t: i.t, url: "http://" + server}
	eventually(i.t, "both are scraped", func() bool { return p.sum("sum(up)") == "2" })
	return p
}

// sum is the value of a query with one series; empty while it has none.
func (p *prom) sum(expr string) string {
	found, err := p.series(expr)
	if err != nil || len(found) != 1 {
		return ""
	}
	return fmt.Sprint(found[0].Value[1])
}

type series struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

// series are those of an instant query.
func (p *prom) series(expr string) ([]series, error) {
	r, err := http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []series }
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s", expr, answer.Error)
	}
	return answer.Data.Result, nil
}

// ofTrouble are metrics of which a healthy product has no series: each is counted for
// the first time when something goes wrong, or exists only where there is a replica, a
// day of readings, a backup that was asked for, a connection with TLS, or a Redis that is
// no stand-in.
var ofTrouble = []string{
	"temporal_workflow_task_execution_failed_total", "temporal_long_request_failure_total", "temporal_activity_execution_failed_total",
	"pg_replication_lag", "pg_replication_lag_bytes", "tls_certificate_not_after_timestamp_seconds", "findings_open", "operations_parked",
	"redis_used_memory_bytes", "redis_memory_max_bytes", "capacity_days_left", "capacity_short", "provisioning_worker_trouble", "rate_limit_redis_failures_total", "temporal_request_failure_total",
	"backup_age_seconds", "backup_tenants_late", "backups_broken", "backup_last_run_tenants", "restore_drill_age_seconds", "restore_drills_failed",
}

var word = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)

// onlyOfTrouble tells that a query asks for nothing else than what a healthy product
// lacks.
func onlyOfTrouble(expr string) bool {
	for _, name := range ofTrouble {
		for _, w := range word.FindAllString(expr, -1) {
			if w == name {
				return true
			}
		}
	}
	return false
}

// showsEveryQuery sends each query of the dashboards, and wants series.
func (p *prom) showsEveryQuery() {
	p.t.Helper()
	dashboards, err := filepath.Glob(filepath.Join(grafanaFiles, "*.json"))
	require.NoError(p.t, err)
	require.Len(p.t, dashboards, 5)
	asked := 0
	for _, file := range dashboards {
		var d struct {
			UID    string
			Title  string
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		require.NoError(p.t, json.Unmarshal([]byte(readFile(p.t, file)), &d), file)
		require.NotEmpty(p.t, d.UID, file)
		for _, panel := range d.Panels {
			for _, target := range panel.Targets {
				asked++
				expr := strings.NewReplacer("$__rate_interval", "1m", "$__range", "1m").Replace(target.Expr)
				if onlyOfTrouble(expr) {
					_, err := p.series(expr)
					require.NoError(p.t, err, "%s: %s", d.Title, panel.Title)
					continue
				}
				eventually(p.t, d.Title+": "+panel.Title+" has series: "+expr, func() bool {
					found, err := p.series(expr)
					require.NoError(p.t, err)
					return len(found) > 0
				})
			}
		}
	}
	require.Greater(p.t, asked, 40)
}

// receiver takes what Alertmanager tells.
type receiver struct {
	url string

	mu     sync.Mutex
	alerts []alert
}

type alert struct {
	Status      string
	Labels      map[string]string
	Annotations map[string]string
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	r := &receiver{}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		var told struct{ Alerts []alert }
		if json.NewDecoder(q.Body).Decode(&told) == nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.alerts = append(r.alerts, told.Alerts...)
		}
	}))
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

// awaits waits until an alert was told in a status.
func (r *receiver) awaits(t testing.TB, name, status string) alert {
	t.Helper()
	var found alert
	eventually(t, name+" is "+status, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, a := range r.alerts {
			if a.Labels["alertname"] == name && a.Status == status {
				found = a
				return true
			}
		}
		return false
	})
	return found
}

// onPath is where a program is that comes with Debian.
func onPath(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		require.Empty(t, os.Getenv("CI"), "CI has %s", program)
		t.Skip("needs the Debian packages prometheus and prometheus-alertmanager")
	}
	return path
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}
