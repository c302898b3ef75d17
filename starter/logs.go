package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// records is what the command needs of the control plane.
type records interface {
	Records(ctx context.Context, q tenant.RecordQuery) (tenant.Page[tenant.Record], error)
}

// mostRecords bounds an answer: more is asked for in another.
const mostRecords = 10_000

type logsFlags struct {
	since, until, tenant, cursor string
	limit                        int
}

func (a *app) logs() *cobra.Command {
	var f logsFlags
	cmd := &cobra.Command{
		Use:   "logs --since TIME",
		Short: "Show what operations did and who asked for what, also what lies in the backup store",
		Long: `Show what operations did, step by step, and who asked for what: both logs by time,
the earliest first.

Provisioning logs leave the database for the backup store after LOG_RETENTION, the
audit log is kept for AUDIT_RETENTION. Both are found here, wherever they are; that of
a tenant's latest operation stays in the database.

A time is 2026-11-30, 2026-11-30T02:00:00Z, or how long ago: 36h, 90d.`,
		Example: `  starter logs --since 24h
  starter logs --since 2026-01-01 --until 2026-02-01 --tenant 01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01
  starter logs --since 90d --output json | jq -r '.items[] | select(.source == "audit") | .actor'`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		q, err := f.query(time.Now())
		if err != nil {
			return err
		}
		service, err := a.connect(cmd.Context(), config.NeedDB|config.NeedLogStore)
		if err != nil {
			return err
		}
		defer service.Close()
		page, err := service.Records(cmd.Context(), q)
		if err != nil {
			return err
		}
		return a.answer(output.NewRecords(page))
	})
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.since, "since", "", "what has happened since then")
	flags.StringVar(&f.until, "until", "", "what has happened before (default: now)")
	flags.StringVar(&f.tenant, "tenant", "", "what is about this tenant alone, by its id")
	flags.IntVar(&f.limit, "limit", 1000, "how many lines at most")
	flags.StringVar(&f.cursor, "cursor", "", "go on where a page ended, with the same --since, --until and --tenant")
	return cmd
}

func (f logsFlags) query(now time.Time) (tenant.RecordQuery, error) {
	q := tenant.RecordQuery{Until: now.Add(time.Minute), Cursor: f.cursor, Limit: f.limit} // the database's clock may be ahead of ours
	if f.since == "" {
		return q, usagef("--since is missing: a time, or how long ago, such as 24h")
	}
	if f.limit < 1 || f.limit > mostRecords {
		return q, usagef("--limit must be from 1 to %d", mostRecords)
	}
	var err error
	if q.Since, err = instant(f.since, now); err != nil {
		return q, usagef("--since: %v", err)
	}
	if f.until != "" {
		if q.Until, err = instant(f.until, now); err != nil {
			return q, usagef("--until: %v", err)
		}
	}
	if f.tenant != "" {
		if q.Tenant, err = tenant.ReadID(f.tenant); err != nil {
			return q, usagef("--tenant: %v", err)
		}
	}
	return q, nil
}

// instant reads a time, or how long before now it was.
func instant(s string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	if days, found := strings.CutSuffix(s, "d"); found {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	ago, err := time.ParseDuration(s)
	if err != nil || ago < 0 {
		return time.Time{}, usagef("%q is no time; say 2026-11-30, 2026-11-30T02:00:00Z, or how long ago: 36h, 90d", s)
	}
	return now.Add(-ago), nil
}
