package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// listenPause spaces the attempts to listen again after the connection was
// lost.
const listenPause = time.Second

// Listen calls changed for each operation that was accepted or has changed its
// state, until ctx ends. With an empty id it means that some may have been
// missed: the connection is new. Notifications are a wake-up, not a promise;
// who needs certainty reads the rows.
func Listen(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger, changed func(tenant.OperationID, tenant.State)) {
	for ctx.Err() == nil {
		if err := listenOnce(ctx, pool, changed); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "not listening for operations; polling goes on", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(listenPause):
		}
	}
}

func listenOnce(ctx context.Context, pool *pgxpool.Pool, changed func(tenant.OperationID, tenant.State)) error {
	// A connection of its own: one that waits would take a place in the pool.
	conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("connect to listen: %w", interpret(err))
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the connection is given up anyway
	if _, err := conn.Exec(ctx, `LISTEN operations`); err != nil {
		return fmt.Errorf("listen: %w", interpret(err))
	}
	changed("", "")
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("wait for a notification: %w", interpret(err))
		}
		id, state, _ := strings.Cut(n.Payload, " ")
		changed(tenant.OperationID(id), tenant.State(state))
	}
}
