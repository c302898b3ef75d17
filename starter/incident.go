package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/operations"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// incidentFlags are the flags of the commands about declared incidents.
type incidentFlags struct {
	title, severity, message, public, done, detected string
	components                                       []string
}

func (a *app) incident() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "incident",
		Short: "Open an incident, lead the response to it by the clock, and end it",
		Long: `Open an incident, lead the response to it by the clock, and end it.

The response has six steps: detection begins the clock, the assessment is to be done
within 5 minutes, the mitigation within 15, then come resolution, verification and
postmortem. starter incident show says which step it is, how long, and what ends it;
docs/runbooks/incident-response.md says what to do in each.

An incident that a person opens holds no work and no probe ends it, unlike those of
the breaker (starter incidents). It needs nothing but PostgreSQL.

--message is for staff and goes into the audit log, in clear: no personal data, no
secrets. --public is what the status page tells; it may name no tenant, person or id.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.started = true
			return cmd.Help()
		},
	}
	cmd.AddCommand(a.openIncident(), a.updateIncident(),
		a.endIncident(tenant.ActionResolveIncident, "End an incident", "Its cause is removed. The verification comes next: starter incident update --done verification."),
		a.endIncident(tenant.ActionReopenIncident, "Open an incident again", "The verification has shown that it is not over."),
		a.listDeclared(), a.showIncident(),
		a.timeline(), a.postmortem())
	return cmd
}

// say adds the flags of what is told.
func (f *incidentFlags) say(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.message, "message", "", "what was seen or done, in a line, for staff and the audit log")
	cmd.Flags().StringVar(&f.public, "public", "", "what the status page tells (default: nothing new)")
	if err := cmd.MarkFlagRequired("message"); err != nil {
		panic(err) //nolint:forbidigo // it was defined above
	}
}

// describe adds the flags of what it is.
func (f *incidentFlags) describe(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.severity, "severity", "", names(tenant.IncidentSeverities()))
	cmd.Flags().StringArrayVar(&f.components, "component", nil, "what of the status page is disturbed: "+names(tenant.Components())+"; may be repeated")
}

func (f *incidentFlags) change(action tenant.DeclaredAction) tenant.DeclaredChange {
	c := tenant.DeclaredChange{
		Action: action, Message: f.message, Public: f.public, Done: tenant.ResponseStep(f.done), Severity: tenant.IncidentSeverity(f.severity),
	}
	for _, name := range f.components {
		c.Components = append(c.Components, tenant.Component(name))
	}
	return c
}

// incidentFlagNames are the flags of the domain's fields.
var incidentFlagNames = map[string]string{
	"title": "--title", "severity": "--severity", "components": "--component", "detectedAt": "--detected-at",
	"message": "--message", "public": "--public", "done": "--done", "actor": "--actor",
}

func (a *app) openIncident() *cobra.Command {
	var f incidentFlags
	cmd := &cobra.Command{
		Use:   "open --title TEXT --severity SEVERITY --message TEXT",
		Short: "Declare an incident, which begins the clock",
		Example: `  starter incident open --title "Mails are late" --severity major --component mail \
    --message "customers call, ticket 4711" --public "E-mails arrive with delay. None is lost."`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		i := tenant.DeclaredIncident{Title: f.title}
		if f.detected != "" {
			at, err := time.Parse(time.RFC3339, f.detected)
			if err != nil {
				return usagef("--detected-at %q is no time: RFC 3339 is wanted, such as 2026-12-20T22:00:00Z", f.detected)
			}
			i.DetectedAt = at
		}
		return a.respond(cmd.Context(), "open an incident", func(ctx context.Context, d *operations.Declared) (tenant.DeclaredIncident, error) {
			return d.Open(ctx, i, f.change(tenant.ActionOpenIncident), a.caller())
		})
	})
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&f.title, "title", "", "what it is, in a line, for staff")
	f.describe(cmd)
	f.say(cmd)
	cmd.Flags().StringVar(&f.detected, "detected-at", "", "when it was noticed: RFC 3339, such as 2026-12-20T22:00:00Z (default: now)")
	for _, required := range []string{"title", "severity"} {
		if err := cmd.MarkFlagRequired(required); err != nil {
			panic(err) //nolint:forbidigo // it was defined above
		}
	}
	return cmd
}

func (a *app) updateIncident() *cobra.Command {
	var f incidentFlags
	cmd := &cobra.Command{
		Use:   "update INCIDENT-ID --message TEXT",
		Short: "Tell what is new, and which step is done",
		Example: `  starter incident update INC-000012 --done assessment --message "the provider has an outage"
  starter incident update INC-000012 --message "asked the provider" --public "The provider works on it."`,
		Args: one("the incident's id"),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		return a.changeIncident(cmd.Context(), args[0], f.change(tenant.ActionUpdateIncident))
	})
	cmd.Flags().SortFlags = false
	f.say(cmd)
	cmd.Flags().StringVar(&f.done, "done", "", "the step that is done with it, and those before it: assessment, mitigation, verification, postmortem")
	f.describe(cmd)
	return cmd
}

// endIncident says that an incident is over, or is not.
func (a *app) endIncident(action tenant.DeclaredAction, short, long string) *cobra.Command {
	var f incidentFlags
	cmd := &cobra.Command{
		Use:     string(action) + " INCIDENT-ID --message TEXT",
		Short:   short,
		Long:    short + ".\n\n" + long,
		Example: `  starter incident ` + string(action) + ` INC-000012 --message "ticket 4711"`,
		Args:    one("the incident's id"),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		return a.changeIncident(cmd.Context(), args[0], f.change(action))
	})
	cmd.Flags().SortFlags = false
	f.say(cmd)
	return cmd
}

func (a *app) showIncident() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show INCIDENT-ID",
		Short:   "Show an incident: which step it is in, how long, and what comes next",
		Example: `  starter incident show INC-000012`,
		Args:    one("the incident's id"),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		id, err := incidentID(args[0])
		if err != nil {
			return err
		}
		return a.respond(cmd.Context(), "incident "+id.String(), func(ctx context.Context, d *operations.Declared) (tenant.DeclaredIncident, error) {
			return d.Incident(ctx, id)
		})
	})
	return cmd
}

func (a *app) timeline() *cobra.Command {
	return a.account(&cobra.Command{
		Use:   "timeline INCIDENT-ID",
		Short: "List what happened: messages, alerts, audit log, operations, the breaker, workers",
		Long: `List what happened: messages, alerts, audit log, operations, the breaker, workers.

From a quarter of an hour before the detection until the verification, or now. What is
alike within a minute is one line. It is for staff: the status page tells the public.`,
		Example: `  starter incident timeline INC-000012`,
	}, func(i output.DeclaredIncident, all []tenant.TimelineEntry) output.Document {
		return output.Timeline{Incident: i.ID, Items: all}
	})
}

func (a *app) postmortem() *cobra.Command {
	return a.account(&cobra.Command{
		Use:     "postmortem INCIDENT-ID",
		Short:   "Write the postmortem as Markdown, with the facts filled in",
		Example: `  starter incident postmortem INC-000012 > postmortem.md`,
	}, func(i output.DeclaredIncident, all []tenant.TimelineEntry) output.Document {
		return output.Postmortem{Incident: i, Timeline: all}
	})
}

// account is a command about what happened in an incident.
func (a *app) account(cmd *cobra.Command, document func(output.DeclaredIncident, []tenant.TimelineEntry) output.Document) *cobra.Command {
	cmd.Args = one("the incident's id")
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		id, err := incidentID(args[0])
		if err != nil {
			return err
		}
		return a.withDeclared(cmd.Context(), func(ctx context.Context, d *operations.Declared) error {
			i, all, err := d.Timeline(ctx, id)
			if err != nil {
				return fmt.Errorf("incident %s: %w", id, err)
			}
			return a.answer(document(output.NewDeclaredIncident(i, a.now()), append([]tenant.TimelineEntry{}, all...)))
		})
	})
	return cmd
}

func (a *app) listDeclared() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the incidents that people have opened, and what the breaker holds",
		Example: `  starter incident list
  starter incident list --output json | jq -r '.items[] | select(.state == "open") | .id'`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		return a.withDeclared(cmd.Context(), func(ctx context.Context, d *operations.Declared) error {
			all, err := d.Incidents(ctx)
			if err != nil {
				return err
			}
			breaker, err := d.OfBreaker(ctx)
			if err != nil {
				return err
			}
			return a.answer(output.NewDeclaredIncidents(all, breaker, a.now()))
		})
	})
	return cmd
}

func incidentID(text string) (tenant.DeclaredID, error) {
	id, err := tenant.ReadDeclaredID(text)
	if err != nil {
		return 0, usagef("%q is no declared incident's id, which looks like INC-000012, from starter incident list; a number is one of the breaker: starter incidents", text)
	}
	return id, nil
}

func (a *app) changeIncident(ctx context.Context, text string, c tenant.DeclaredChange) error {
	id, err := incidentID(text)
	if err != nil {
		return err
	}
	return a.respond(ctx, string(c.Action)+" incident "+id.String(), func(ctx context.Context, d *operations.Declared) (tenant.DeclaredIncident, error) {
		return d.Change(ctx, id, c, a.caller())
	})
}

// respond does something about an incident, and shows how it stands then.
func (a *app) respond(ctx context.Context, what string, do func(context.Context, *operations.Declared) (tenant.DeclaredIncident, error)) error {
	return a.withDeclared(ctx, func(ctx context.Context, d *operations.Declared) error {
		i, err := do(ctx, d)
		if err != nil {
			return byFlag(fmt.Errorf("%s: %w", what, err), incidentFlagNames)
		}
		return a.answer(output.NewDeclaredIncident(i, a.now()))
	})
}

func (a *app) withDeclared(ctx context.Context, do func(context.Context, *operations.Declared) error) error {
	service, err := a.connect(ctx, toRead)
	if err != nil {
		return err
	}
	defer service.Close()
	return do(ctx, connect.Declared(service.pool))
}
