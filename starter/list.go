package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

type listFlags struct {
	attention, all       bool
	status, name, cursor string
	limit                int
}

func (a *app) list() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List tenants, newest first, or the operations that need attention",
		Long: `List tenants, newest first, or the operations that need attention.

Deleted tenants are listed only with --status DELETED. A list that could be read
is exit code 0, also when operations wait in it.`,
		Example: `  starter list --status FAILED
  starter list --attention
  starter list --all --output json | jq -r '.items[].schemaName'`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		service, err := a.connect(cmd.Context(), toRead)
		if err != nil {
			return err
		}
		defer service.Close()
		if f.attention {
			return a.listAttention(cmd.Context(), service, f)
		}
		return a.listTenants(cmd.Context(), service, f)
	})
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.attention, "attention", false, "list the operations that wait for a person instead")
	flags.StringVar(&f.status, "status", "", "only tenants of this status: "+names(tenant.Statuses()))
	flags.StringVar(&f.name, "name", "", "only tenants whose name contains this, in any case and spacing")
	flags.IntVar(&f.limit, "limit", tenant.DefaultPageSize, fmt.Sprintf("items on a page, 1 to %d", tenant.MaxPageSize))
	flags.StringVar(&f.cursor, "cursor", "", "the page after this one")
	flags.BoolVar(&f.all, "all", false, "every page")
	return cmd
}

func (f *listFlags) check() error {
	f.status = strings.ToUpper(f.status)
	switch {
	case f.limit < 1 || f.limit > tenant.MaxPageSize:
		return usagef("--limit must be 1 to %d; --all lists everything", tenant.MaxPageSize)
	case f.status != "" && !slices.Contains(tenant.Statuses(), tenant.Status(f.status)):
		return usagef("--status must be one of %s", names(tenant.Statuses()))
	case f.attention && (f.status != "" || f.name != "" || f.cursor != ""):
		return usagef("--attention lists operations: --status, --name and --cursor are for tenants")
	case f.all && f.cursor != "":
		return usagef("--all and --cursor exclude each other")
	case f.name != "" && tenant.NameKey(f.name) == "":
		return usagef("--name must have visible characters, or it would match every name")
	}
	return nil
}

func (a *app) listTenants(ctx context.Context, c control, f listFlags) error {
	filter := tenant.Filter{Status: tenant.Status(f.status), Name: f.name, Cursor: f.cursor, Limit: f.limit}
	if f.all {
		filter.Limit = tenant.MaxPageSize
	}
	items, next, err := pages(f.all, func(cursor string) (tenant.Page[tenant.Tenant], error) {
		filter.Cursor = cursor
		return c.Tenants(ctx, filter)
	}, f.cursor)
	if err != nil {
		return err
	}
	ids := make([]tenant.ID, len(items))
	for i, t := range items {
		ids[i] = t.ID
	}
	waiting, err := c.TenantsWaiting(ctx, ids)
	if err != nil {
		return err
	}
	list := output.NewTenants(items, waiting, next)
	if list.Workers, err = a.lookForWorkers(ctx, c); err != nil {
		return err
	}
	return a.answer(list)
}

// pages reads one page, or all that follow from it.
func pages[T any](all bool, read func(cursor string) (tenant.Page[T], error), cursor string) (items []T, next string, err error) {
	for {
		page, err := read(cursor)
		if err != nil {
			return nil, "", err
		}
		items, cursor = append(items, page.Items...), page.NextCursor
		if !all || cursor == "" {
			return items, cursor, nil
		}
	}
}

func (a *app) listAttention(ctx context.Context, c control, f listFlags) error {
	list := output.Attention{Items: []output.Waiting{}}
	for _, state := range []tenant.State{tenant.StateRollbackBlocked, tenant.StateNeedsAttention} {
		operations, next, err := pages(f.all, func(cursor string) (tenant.Page[tenant.Operation], error) {
			return c.Operations(ctx, tenant.OperationFilter{State: state, Cursor: cursor, Limit: f.limit})
		}, "")
		if err != nil {
			return err
		}
		list.More = list.More || next != ""
		for _, op := range operations {
			t, err := c.Tenant(ctx, op.TenantID)
			if err != nil {
				return err
			}
			list.Items = append(list.Items, output.Waiting{Operation: output.NewOperation(op), Tenant: output.NewTenant(t)})
		}
	}
	incidents, err := c.Incidents(ctx)
	if err != nil {
		return err
	}
	list.Incidents = slices.DeleteFunc(incidents, func(i tenant.Incident) bool { return !i.ClosedAt.IsZero() })
	if list.Workers, err = a.lookForWorkers(ctx, c); err != nil {
		return err
	}
	return a.answer(list)
}
