package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/batch"
	"tenant-provisioning/starter/output"
)

// submitTexts say what each kind of operation does to a tenant that is there.
var submitTexts = map[tenant.Kind]struct{ short, long string }{
	tenant.KindProvision: {
		"Provision a FAILED tenant anew: same id and schema, next generation, new contract",
		`It keeps its id and the names of its schema and role; its generation grows by
one, and it gets another contract: the one of the earlier generation stays
terminated. Its name must still be free.`,
	},
	tenant.KindSuspend: {
		"End the access to an ACTIVE tenant's data for now",
		`Access ends with the first step, for connections that are open too; then the
contract is set suspended, and the administrator is told by mail. All data is
kept. A step that fails gives nothing back by itself: it waits for a person.`,
	},
	tenant.KindResume: {
		"Give a SUSPENDED tenant its access back",
		`The contract is set active, then status and access come back together, and the
administrator is told by mail.`,
	},
	tenant.KindArchive: {
		"End the access to a tenant's data for good, unless it is taken back in time",
		`The data is kept until "purge after" (starter status), and until then undelete
leads back to the status that the tenant had. Its name is free from then on. A
step that fails gives nothing back by itself: it waits for a person.`,
	},
	tenant.KindUndelete: {
		"Take an archive back, while there is time",
		`The tenant returns to the status that it was archived from, ACTIVE with access to
its data. Its name must be free, and is held from now on. If another tenant has
taken it, give a new name with --name: the tenant gets it together with its
status, while schema and role keep their names. With a tenant's id --name is the
new name; without one it selects tenants, and each keeps its own name.`,
	},
	tenant.KindPurge: {
		"Remove an ARCHIVED or FAILED tenant for good, before its time",
		`Its contract is set terminated, and its schema and role are dropped. Its
administrator is erased, that of an archived tenant after a mail about it. The audit
log says what was removed and what stays. Nothing can be undone once a worker has taken
the operation; until then "starter rollback" or "starter legal-hold set" stops it. A
tenant whose grace period is over is purged without this command. An archive is
purged for one tenant at a time: a filter purges FAILED ones alone.`,
	},
	tenant.KindInvite: {
		"Send an ACTIVE tenant's administrator another link to set a password by",
		`The link goes to the address that the tenant has now. Earlier links work until it
has been sent, and not after. If a password was set, the new link resets it, and it
works until then. If the address is not the one that signs in, the one that signs
in is told by mail first. A password is reset for one tenant at a time: with a
filter, tenants whose administrator has set a password are refused.`,
	},
}

// submitFlags are the flags of a request for operations.
type submitFlags struct {
	reason, key string
	wait        bool
	timeout     time.Duration
	filter      tenantFilter
	bulk        bulkFlags
}

// submit asks for an operation of one kind, of one tenant or of all that a filter
// selects.
func (a *app) submit(l tenant.Lifecycle) *cobra.Command {
	var f submitFlags
	text, why := submitTexts[l.Kind], "[--reason TEXT]"
	if l.NeedsReason() {
		why = "--reason TEXT"
	}
	if l.Renames {
		why = "[--name NAME] " + why
	}
	cmd := &cobra.Command{
		Use:   l.Verb + " TENANT-ID " + why,
		Short: text.short,
		Long: text.short + `.

` + text.long + `

With --status or --name instead of a tenant's id it does so to all tenants that
the filter selects, after it has shown them and you have typed their number. What
cannot be done to one of them is refused one by one; a second run does what is
left.

The reason is kept in the audit log, in clear: no personal data, no secrets; a
ticket's number will do.

` + exitHelp,
		Example: `  starter ` + l.Verb + ` 01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01 --reason "ticket 4711" --wait
  starter ` + l.Verb + ` --status ` + string(l.From[0]) + ` --name "lakeside" --reason "ticket 4711"`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.filter.given() && len(args) == 0 {
				return nil
			}
			return one("the tenant's id")(cmd, args)
		},
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error { return a.submitAs(cmd, args, l, f) })
	f.add(cmd.Flags(), l)
	if l.NeedsReason() {
		if err := cmd.MarkFlagRequired("reason"); err != nil {
			panic(err) //nolint:forbidigo // add defines it
		}
	}
	return cmd
}

// submitAs asks for what a command line says.
func (a *app) submitAs(cmd *cobra.Command, args []string, l tenant.Lifecycle, f submitFlags) error {
	r := tenant.Request{Kind: l.Kind, Reason: f.reason, IdempotencyKey: f.key}
	if len(args) > 0 && l.Renames {
		r.NewName, f.filter.name = f.filter.name, ""
	}
	if _, err := r.Clean(); err != nil {
		return explainSubmission(err)
	}
	if len(args) == 0 {
		return a.submitAll(cmd.Context(), l, f)
	}
	switch {
	case l.Renames && r.NewName == "" && cmd.Flags().Changed("name"):
		return usagef("--name must not be empty: leave it out, and the tenant keeps its name")
	case f.filter.given() && r.NewName != "":
		return usagef("a new name is for one tenant: leave --status out, or the id and the name")
	case f.filter.given():
		return usagef("--status and --name select tenants: leave the id out, or the filter")
	case f.timeout <= 0:
		return usagef("--timeout must be longer than nothing")
	}
	id, err := tenant.ReadID(args[0])
	if err != nil {
		return usagef("%q is no tenant's id: it is a UUID, from starter list", args[0])
	}
	r.Tenant = id
	return a.submitOne(cmd.Context(), r, f)
}

func (f *submitFlags) add(flags *pflag.FlagSet, l tenant.Lifecycle) {
	flags.SortFlags = false
	flags.StringVar(&f.reason, "reason", "", "why, for the audit log; it is kept in clear")
	flags.StringVar(&f.key, "idempotency-key", "", "with the same key, a repeated command does it once")
	flags.BoolVar(&f.wait, "wait", false, "wait until it is done or needs attention")
	flags.DurationVar(&f.timeout, "timeout", batch.DefaultTimeout, "with --wait: how long; it goes on by itself afterwards")
	f.filter.add(flags, l)
	f.bulk.add(flags, "with the filter")
}

func (a *app) submitOne(ctx context.Context, r tenant.Request, f submitFlags) error {
	service, err := a.connect(ctx, toProvision)
	if err != nil {
		return err
	}
	defer service.Close()
	if _, err := a.lookForWorkers(ctx, service); err != nil {
		return err
	}
	op, err := service.Submit(ctx, r, a.caller())
	if errors.Is(err, tenant.ErrNotFound) {
		if found, ferr := service.Operation(ctx, tenant.OperationID(r.Tenant)); ferr == nil {
			return usagef("%s is an operation. Its tenant is %s:\n  starter %s %s --reason TEXT", r.Tenant, found.TenantID, r.Kind.Verb(), found.TenantID)
		}
	}
	if err != nil {
		return explainSubmission(fmt.Errorf("%s tenant %s: %w", r.Kind.Verb(), r.Tenant, err))
	}
	return a.follow(ctx, service, op, f.wait, a.runner(service, f.timeout))
}

func explainSubmission(err error) error {
	return byFlag(err, map[string]string{"reason": "--reason", "name": "--name", "backupId": "--backup", "Idempotency-Key": "--idempotency-key"})
}

// submitAll asks for the operation of each tenant that the filter selects.
func (a *app) submitAll(ctx context.Context, l tenant.Lifecycle, f submitFlags) error {
	if f.key != "" || f.wait {
		return usagef("--idempotency-key and --wait are for one tenant: with a filter, what has become of each is seen by: starter list")
	}
	if err := f.filter.check(l); err != nil {
		return err
	}
	if err := f.bulk.check(); err != nil {
		return err
	}
	service, err := a.connect(ctx, toProvision)
	if err != nil {
		return err
	}
	defer service.Close()
	selected, err := f.filter.find(ctx, service, l)
	if err != nil {
		return err
	}
	who := a.caller()
	who.Admin = false // what only an administrator may do is decided for one at a time
	return bulk[tenant.Tenant]{
		bulkFlags: f.bulk, does: l.Verb, noun: "tenants", selected: selected, preview: output.PreviewTenants(l.Verb, selected),
		act: func(ctx context.Context, t tenant.Tenant) output.BulkResult {
			o, err := service.Submit(ctx, tenant.Request{Kind: l.Kind, Tenant: t.ID, Reason: f.reason}, who)
			o.TenantID = t.ID
			return output.NewBulkResult(o, err)
		},
	}.do(ctx, a)
}

// tenantFilter selects tenants.
type tenantFilter struct{ status, name string }

func (f *tenantFilter) add(flags *pflag.FlagSet, l tenant.Lifecycle) {
	flags.StringVar(&f.status, "status", "", "do it to all tenants of this status: "+names(l.From))
	all := "do it to all tenants whose name contains this, in any case and spacing"
	if l.Renames {
		all = "with a tenant's id: its new name; without: " + all
	}
	flags.StringVar(&f.name, "name", "", all)
}

func (f *tenantFilter) given() bool { return f.status != "" || f.name != "" }

func (f *tenantFilter) check(l tenant.Lifecycle) error {
	f.status = strings.ToUpper(f.status)
	switch {
	case f.status != "" && !l.Accepts(tenant.Status(f.status)):
		return usagef("--status must be one that allows it: %s", names(l.From))
	case f.name != "" && tenant.NameKey(f.name) == "":
		return usagef("--name must have visible characters, or it would match every name")
	}
	return nil
}

// find reads all pages of each status that allows it.
func (f *tenantFilter) find(ctx context.Context, c control, l tenant.Lifecycle) (selected []tenant.Tenant, err error) {
	from := l.From
	if f.status != "" {
		from = []tenant.Status{tenant.Status(f.status)}
	}
	for _, status := range from {
		found, _, err := pages(true, func(cursor string) (tenant.Page[tenant.Tenant], error) {
			return c.Tenants(ctx, tenant.Filter{Status: status, Name: f.name, Cursor: cursor, Limit: tenant.MaxPageSize})
		}, "")
		if err != nil {
			return nil, err
		}
		selected = append(selected, found...)
	}
	slices.SortFunc(selected, func(x, y tenant.Tenant) int { return strings.Compare(string(x.ID), string(y.ID)) })
	return selected, nil
}

func names[T ~string](values []T) string {
	all := make([]string, len(values))
	for i, s := range values {
		all[i] = string(s)
	}
	return strings.Join(all, ", ")
}
