package temporalserver

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const (
	// servingPoll is how often a starting server is asked whether it serves, and
	// servingLimit how long it may take on a busy machine.
	servingPoll  = 20 * time.Millisecond
	servingLimit = 60 * time.Second
)

// serving returns nil when the frontend answers requests and the Web UI, if there
// is one, listens.
func serving(ctx context.Context, cfg Config) error {
	if err := frontendServing(ctx, cfg.Address()); err != nil {
		return err
	}
	if cfg.UIPort == 0 {
		return nil
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.UIPort)))
	if err != nil {
		return fmt.Errorf("reach Temporal's Web UI: %w", err)
	}
	return conn.Close()
}

func frontendServing(ctx context.Context, address string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("reach Temporal at %s: %w", address, err)
	}
	defer conn.Close()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{
		Service: "temporal.api.workflowservice.v1.WorkflowService",
	})
	if err != nil {
		return fmt.Errorf("ask Temporal at %s for its health: %w", address, err)
	}
	if answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("Temporal at %s says %s", address, answer.GetStatus())
	}
	return nil
}

func awaitServing(ctx context.Context, cfg Config) error {
	ctx, cancel := context.WithTimeout(ctx, servingLimit)
	defer cancel()
	tick := time.NewTicker(servingPoll)
	defer tick.Stop()
	for {
		err := serving(ctx, cfg)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for Temporal to serve: %w", err)
		case <-tick.C:
		}
	}
}
