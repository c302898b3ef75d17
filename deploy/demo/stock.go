package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// ahead is how many tenants are made before anybody asks, where nobody has set it: so few
// that the viewer sees both ways. At this pace they are begun at once.
var ahead = map[string]string{"STANDBY_TENANTS": "2", "STANDBY_PER_MINUTE": "120"}

// makeAhead sets what api, worker and the demo read.
func makeAhead() error {
	for name, value := range ahead {
		if os.Getenv(name) != "" {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// stocked waits until as many tenants are made ahead as are wanted, and returns which.
func stocked(ctx context.Context, s settings) (map[tenant.ID]bool, error) {
	db, err := connect.Database(ctx, s.DB, "demo", connect.Metrics{})
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	defer db.Close()
	standbys := postgres.NewStandbys(db)
	tick := time.NewTicker(frame)
	defer tick.Stop()
	for {
		stock, err := standbys.Standing(ctx)
		if err != nil {
			return nil, err
		}
		if len(stock.Ready) >= s.Provisioning.StandbyTenants {
			ready := map[tenant.ID]bool{}
			for _, id := range stock.Ready {
				ready[id] = true
			}
			return ready, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the tenants that are made ahead are not ready, starter standby says why: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}
