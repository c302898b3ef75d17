package postgres

import (
	"context"
	"errors"
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

// listenCheck is how long a connection is listened to before it is looked whether
// another server has taken over.
const listenCheck = 3 * time.Second

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
		if err := hear(ctx, conn, changed); err != nil {
			return fmt.Errorf("wait for a notification: %w", interpret(err))
		}
		if err := stillThere(ctx, pool.Config(), conn); err != nil {
			return err
		}
	}
}

// hear reports notifications for listenCheck.
func hear(ctx context.Context, conn *pgx.Conn, changed func(tenant.OperationID, tenant.State)) error {
	waiting, cancel := context.WithTimeout(ctx, listenCheck)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(waiting)
		if err != nil && waiting.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		id, state, _ := strings.Cut(n.Payload, " ")
		changed(tenant.OperationID(id), tenant.State(state))
	}
}

// stillThere makes sure that a connection leads where new ones do: a server that
// was replaced may leave it open, and say nothing for ever. The new connection
// tells the process's pools as well.
func stillThere(ctx context.Context, c *pgxpool.Config, conn *pgx.Conn) error {
	if fresh, err := pgx.ConnectConfig(ctx, c.ConnConfig); err == nil {
		_ = fresh.Close(ctx) // nothing was asked on it
	}
	usable, err := c.PrepareConn(ctx, conn)
	if err == nil && !usable {
		err = errors.New("the connection leads to a server that was replaced or changed")
	}
	return err
}
