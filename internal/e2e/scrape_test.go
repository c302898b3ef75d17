package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestScrapedWhileTheDatabaseIsAway: what asks the database is missing then, and
// nothing else, in less than the three seconds that a scrape may take.
func TestScrapedWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*gate){"refuses connections": (*gate).cut, "is silent": (*gate).freeze} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			metrics := address(freePort(t))
			i := install(t, map[string]string{"METRICS_ADDR": metrics})
			database := i.throughGate("DB_HOST", "DB_PORT")
			i.start()
			i.becomesActive(i.create("Charité"))
			listeners := map[string][]string{
				i.url[len("http://"):]: {"go_goroutines", "http_requests_in_flight", "redis_connected_clients", "pg_pool_connections{"},
				metrics:                {"go_goroutines", "provisioning_jobs_total{", "pg_pool_connections{", "ledger_balance_xlm"},
			}
			const asked = "\nprovisioning_queue_depth"
			eventually(t, "the database is asked", func() bool { return strings.Contains(i.metrics(), asked) })
			away(database)
			for at, names := range listeners {
				var last time.Time
				eventually(t, "a scrape in less than 3 s shows what the database need not tell", func() bool {
					if time.Since(last) < 2*time.Second { // an error is told to others for a second
						return false
					}
					began := time.Now()
					page := string(i.probes(at, "/metrics").body)
					last = time.Now()
					if last.Sub(began) >= 3*time.Second || strings.Contains(page, asked) { // it is kept for some seconds
						return false
					}
					for _, name := range names {
						require.Contains(t, page, "\n"+name, "at %s", at)
					}
					return true
				})
			}
		})
	}
}
