package stack

import (
	"tenant-provisioning/deploy/devstack/internal/port"
	"tenant-provisioning/deploy/devstack/internal/role"
	"tenant-provisioning/deploy/devstack/internal/temporalserver"
)

// ports of one stack, all on the loopback interface.
type ports struct {
	postgres, redis, temporal, temporalUI, stellar, mail int
	app, metrics                                         int // for api and worker
}

// pickPorts takes the usual ports, others where these are taken, and says so.
func pickPorts(leases *port.Leases, cfg Config) (ports, error) {
	var p ports
	for _, want := range []struct {
		what   string
		chosen *int
		usual  int
		count  int
	}{
		{"PostgreSQL", &p.postgres, usualPostgres, 1},
		{"Redis", &p.redis, usualRedis, 1},
		{"Temporal", &p.temporal, usualTemporal, temporalserver.Ports},
		{"Temporal's Web UI", &p.temporalUI, usualTemporalUI, 1},
		{"Stellar", &p.stellar, usualStellar, role.StellarPorts},
		{"the mail catcher", &p.mail, usualMail, 1},
		{"the API", &p.app, usualApp, 1},
		{"the worker's metrics", &p.metrics, usualMetrics, 1},
	} {
		if cfg.Ephemeral {
			want.usual = 0
		}
		got, err := leases.Take(want.usual, want.count)
		if err != nil {
			return ports{}, err
		}
		if *want.chosen = got; want.usual != 0 && got != want.usual {
			cfg.Say("port %d is taken: %s uses %d", want.usual, want.what, got)
		}
	}
	return p, nil
}
