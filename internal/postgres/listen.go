package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
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

// hearing is what is done with what is heard on a channel of NOTIFY.
type hearing struct {
	channel string
	heard   func(payload string)
	// listening is called when a connection listens, before which some may have been
	// missed, and when it does so no more.
	listening func(bool)
}

// Listen calls changed for each operation that was accepted or has changed its
// state, until ctx ends. With an empty id it means that some may have been
// missed: the connection is new. Notifications are a wake-up, not a promise;
// who needs certainty reads the rows.
func Listen(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger, changed func(tenant.OperationID, tenant.State)) {
	listen(ctx, pool, log, hearing{
		channel: "operations",
		heard: func(payload string) {
			id, state, _ := strings.Cut(payload, " ")
			changed(tenant.OperationID(id), tenant.State(state))
		},
		listening: func(now bool) {
			if now {
				changed("", "")
			}
		},
	})
}

// ListenToEvents calls heard for each event, as soon as it is committed, until ctx
// ends. listening is called with true when a connection is new, so that some may have
// been missed, and with false when it is lost: until the next one nothing is heard.
func ListenToEvents(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger, heard func(tenant.Announcement), listening func(bool)) {
	listen(ctx, pool, log, hearing{
		channel:   "events",
		listening: listening,
		heard: func(payload string) {
			if a, ok := readAnnouncement(payload); ok {
				heard(a)
			}
		},
	})
}

// readAnnouncement reads what the trigger on events has written
// (migrations/control/00002_tenants_and_operations.sql). Anybody may notify: what it
// cannot read is not ours.
func readAnnouncement(payload string) (tenant.Announcement, bool) {
	parts := strings.Split(strings.ReplaceAll(payload, " -", " "), " ")
	const columns = 4
	if len(parts) != columns {
		return tenant.Announcement{}, false
	}
	transaction, err := strconv.ParseUint(parts[2], 10, 64)
	return tenant.Announcement{
		Tenant: tenant.ID(strings.TrimPrefix(parts[0], "-")), Operation: tenant.OperationID(parts[1]),
		Transaction: transaction, State: tenant.State(parts[3]),
	}, err == nil
}

func listen(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger, h hearing) {
	for ctx.Err() == nil {
		err := listenOnce(ctx, pool, h)
		h.listening(false)
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "not listening for changes; polling goes on", "channel", h.channel, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(listenPause):
		}
	}
}

func listenOnce(ctx context.Context, pool *pgxpool.Pool, h hearing) error {
	// A connection of its own: one that waits would take a place in the pool.
	conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("connect to listen: %w", interpret(err))
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the connection is given up anyway
	if _, err := conn.Exec(ctx, `LISTEN `+h.channel); err != nil {
		return fmt.Errorf("listen: %w", interpret(err))
	}
	h.listening(true)
	for {
		if err := hear(ctx, conn, h.heard); err != nil {
			return fmt.Errorf("wait for a notification: %w", interpret(err))
		}
		if err := stillThere(ctx, pool.Config(), conn); err != nil {
			return err
		}
	}
}

// hear reports notifications for listenCheck.
func hear(ctx context.Context, conn *pgx.Conn, heard func(payload string)) error {
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
		heard(n.Payload)
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
