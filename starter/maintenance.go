package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// toMaintain is what a change of a window needs: Temporal hears of it, and what begins at
// once begins in the mode that is set.
const toMaintain = toAct | config.NeedMaintenance

// windowFlags are the flags of the commands about windows.
type windowFlags struct {
	reason, at, title, message, mode string
	lasts                            time.Duration
	items                            []string
}

func (a *app) maintenance() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "maintenance",
		Short: "List, plan and steer maintenance windows",
		Long: `List, plan and steer maintenance windows.

The regular window of each month (MAINTENANCE_WINDOW) is planned three months
ahead, announced 24 hours before, and begins, works and ends by itself. Whoever was
told of one is told when it moves or is called off. All times are UTC.

Each change goes into the audit log with its reason, in clear: no personal data,
no secrets; a ticket's number will do.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.started = true
			return cmd.Help()
		},
	}
	cmd.AddCommand(a.listWindows(), a.planWindow(), a.startWindow(), a.extendWindow(),
		a.changeWindow(tenant.ActionEndWindow, "End a window now", "What is left to do is skipped, and the checks at its end are not made."),
		a.changeWindow(tenant.ActionSkipWindow, "Call a window off", "The regular window of the next month stays."),
		a.moveWindow(), a.tickItem())
	return cmd
}

func (a *app) listWindows() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [WINDOW-ID]",
		Short: "List the windows of three months and those to come, or show one with its tasks",
		Example: `  starter maintenance list
  starter maintenance list --output json | jq -r '.items[] | select(.state == "RUNNING") | .id'`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		service, err := a.connect(cmd.Context(), toRead)
		if err != nil {
			return err
		}
		defer service.Close()
		if len(args) == 0 {
			all, err := service.Windows(cmd.Context())
			if err != nil {
				return err
			}
			return a.answer(output.NewWindows(all))
		}
		id, err := windowID(args[0])
		if err != nil {
			return err
		}
		w, err := service.Window(cmd.Context(), id)
		if err != nil {
			return fmt.Errorf("maintenance window %s: %w", id, err)
		}
		return a.answer(output.NewWindow(w))
	})
	return cmd
}

func windowID(text string) (tenant.WindowID, error) {
	id, err := tenant.ReadWindowID(text)
	if err != nil {
		return "", usagef("%q is no maintenance window's id: it is a UUID, from starter maintenance list", text)
	}
	return id, nil
}

// reason adds the flag that every change wants.
func (f *windowFlags) needReason(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, for the audit log; it is kept in clear")
	if err := cmd.MarkFlagRequired("reason"); err != nil {
		panic(err) //nolint:forbidigo // it was defined above
	}
}

// describe adds the flags of a window that is made.
func (f *windowFlags) describe(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.DurationVar(&f.lasts, "for", 0, "how long it lasts, such as 90m")
	flags.StringVar(&f.title, "title", "", "what the public is told of it, in a line")
	flags.StringVar(&f.message, "message", "", "what the public is told besides")
	flags.StringVar(&f.mode, "mode", "", "normal, or read-only: refuse changes meanwhile (default: as MAINTENANCE_MODE says)")
	flags.StringArrayVar(&f.items, "item", nil, "what people do in it, and tick; may be repeated")
	f.needReason(cmd)
}

// windowFlagNames are the flags of the domain's fields.
var windowFlagNames = map[string]string{
	"startsAt": "--at", "minutes": "--for", "title": "--title", "message": "--message", "mode": "--mode", "items": "--item", "reason": "--reason",
}

func (a *app) planWindow() *cobra.Command {
	var f windowFlags
	cmd := &cobra.Command{
		Use:   "plan --at TIME --for DURATION --title TEXT --reason TEXT",
		Short: "Plan a window beside the regular ones",
		Example: `  starter maintenance plan --at 2026-12-20T22:00:00Z --for 90m --title "Move to another data centre" \
    --mode read-only --item "Security patches" --reason "ticket 4711"`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		at, err := moment(f.at)
		if err != nil {
			return err
		}
		return a.newWindow(cmd.Context(), f, at)
	})
	cmd.Flags().StringVar(&f.at, "at", "", "when it begins: RFC 3339, such as 2026-12-20T22:00:00Z")
	f.describe(cmd)
	for _, required := range []string{"at", "for", "title"} {
		if err := cmd.MarkFlagRequired(required); err != nil {
			panic(err) //nolint:forbidigo // it was defined above
		}
	}
	return cmd
}

func moment(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, usagef("--at %q is no time: RFC 3339 is wanted, such as 2026-12-20T22:00:00Z", text)
	}
	return at, nil
}

// newWindow plans a window and, where at is zero, begins it.
func (a *app) newWindow(ctx context.Context, f windowFlags, at time.Time) error {
	service, err := a.connect(ctx, toMaintain)
	if err != nil {
		return err
	}
	defer service.Close()
	w := tenant.Window{Title: f.title, Message: f.message, Mode: tenant.WindowMode(f.mode), StartsAt: at, Tasks: tenant.Items(f.items)}
	w, err = service.PlanWindow(ctx, w, f.lasts, f.reason, a.caller())
	if err == nil && at.IsZero() {
		w, err = service.ChangeWindow(ctx, w.ID, tenant.WindowChange{Action: tenant.ActionStartWindow}, f.reason, a.caller())
		if refused, ok := errors.AsType[*tenant.WindowRefusedError](err); ok && refused.State == tenant.WindowRunning {
			w, err = service.Window(ctx, w.ID) // a worker was faster
		}
	}
	if err != nil {
		return byFlag(fmt.Errorf("plan a maintenance window: %w", err), windowFlagNames)
	}
	return a.answer(output.NewWindow(w))
}

func (a *app) startWindow() *cobra.Command {
	var f windowFlags
	cmd := &cobra.Command{
		Use:   "start [WINDOW-ID | --for DURATION --title TEXT] --reason TEXT",
		Short: "Begin a planned window now, or a new one",
		Example: `  starter maintenance start 01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01 --reason "ticket 4711"
  starter maintenance start --for 1h --title "Urgent maintenance" --mode read-only --reason "ticket 4712"`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 1 && (f.lasts != 0 || f.title != "" || f.message != "" || f.mode != "" || len(f.items) > 0):
			return usagef("a planned window is begun as it is: leave out the id, or the flags of a new one")
		case len(args) == 1:
			return a.change(cmd.Context(), args[0], tenant.WindowChange{Action: tenant.ActionStartWindow}, f.reason)
		case f.lasts == 0 || f.title == "":
			return usagef("name the window to begin, or give a new one --for and --title")
		}
		return a.newWindow(cmd.Context(), f, time.Time{})
	})
	f.describe(cmd)
	return cmd
}

func (a *app) extendWindow() *cobra.Command {
	var f windowFlags
	var by time.Duration
	cmd := &cobra.Command{
		Use:     "extend WINDOW-ID --by DURATION --reason TEXT",
		Short:   "Announce a later end",
		Example: `  starter maintenance extend 01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01 --by 1h --reason "ticket 4711"`,
		Args:    one("the window's id"),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		return a.change(cmd.Context(), args[0], tenant.WindowChange{Action: tenant.ActionExtendWindow, By: by}, f.reason)
	})
	cmd.Flags().SortFlags = false
	cmd.Flags().DurationVar(&by, "by", 0, "how much longer, such as 30m")
	f.needReason(cmd)
	if err := cmd.MarkFlagRequired("by"); err != nil {
		panic(err) //nolint:forbidigo // it was defined above
	}
	return cmd
}

func (a *app) moveWindow() *cobra.Command {
	var f windowFlags
	cmd := &cobra.Command{
		Use:     "move WINDOW-ID --at TIME --reason TEXT",
		Short:   "Have a window at another time, as long as before",
		Example: `  starter maintenance move 01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01 --at 2026-12-20T02:00:00Z --reason "ticket 4711"`,
		Args:    one("the window's id"),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		at, err := moment(f.at)
		if err != nil {
			return err
		}
		return a.change(cmd.Context(), args[0], tenant.WindowChange{Action: tenant.ActionMoveWindow, At: at}, f.reason)
	})
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&f.at, "at", "", "when it begins: RFC 3339, such as 2026-12-20T02:00:00Z")
	f.needReason(cmd)
	if err := cmd.MarkFlagRequired("at"); err != nil {
		panic(err) //nolint:forbidigo // it was defined above
	}
	return cmd
}

func (a *app) tickItem() *cobra.Command {
	var f windowFlags
	cmd := &cobra.Command{
		Use:     "tick WINDOW-ID ITEM --reason TEXT",
		Short:   "Note that a manual item is done",
		Example: `  starter maintenance tick 01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01 "Security patches" --reason "ticket 4711"`,
		Args:    cobra.ExactArgs(2),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		return a.change(cmd.Context(), args[0], tenant.WindowChange{Action: tenant.ActionTickItem, Item: args[1]}, f.reason)
	})
	f.needReason(cmd)
	return cmd
}

// changeWindow is a change that needs nothing but a reason.
func (a *app) changeWindow(action tenant.WindowAction, short, long string) *cobra.Command {
	var f windowFlags
	cmd := &cobra.Command{
		Use:     string(action) + " WINDOW-ID --reason TEXT",
		Short:   short,
		Long:    short + ".\n\n" + long,
		Example: `  starter maintenance ` + string(action) + ` 01920e6a-7c1d-7fd2-8a31-5c6f7d8e9f01 --reason "ticket 4711"`,
		Args:    one("the window's id"),
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, args []string) error {
		return a.change(cmd.Context(), args[0], tenant.WindowChange{Action: action}, f.reason)
	})
	f.needReason(cmd)
	return cmd
}

func (a *app) change(ctx context.Context, text string, c tenant.WindowChange, reason string) error {
	id, err := windowID(text)
	if err != nil {
		return err
	}
	service, err := a.connect(ctx, toMaintain)
	if err != nil {
		return err
	}
	defer service.Close()
	w, err := service.ChangeWindow(ctx, id, c, reason, a.caller())
	if err != nil {
		return byFlag(fmt.Errorf("%s maintenance window %s: %w", c.Action, id, err), map[string]string{"startsAt": "--at", "minutes": "--by", "reason": "--reason"})
	}
	return a.answer(output.NewWindow(w))
}
