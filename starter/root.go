package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

func (a *app) root() *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:   "starter",
		Short: "Provision, suspend, archive and purge tenants, see where they are, and act when a step needs a person",
		Long: `Provision, suspend, archive and purge tenants, see where they are, and act when a
step needs a person.

It needs the settings of the api and the worker (environment, .env, NAME_FILE)
and PostgreSQL; neither the api nor, for most commands, Temporal has to run.

With --output json a command that has nothing else to answer answers its error:
{"error", "next", "exitCode"}.

` + exitHelp,
		Args:              cobra.NoArgs,
		SilenceUsage:      true,
		SilenceErrors:     true,
		DisableAutoGenTag: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.started = true
			if version {
				return a.answer(thisBuild())
			}
			return cmd.Help()
		},
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	// With --help, cobra would show the help of the last command that it knows.
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if cmd.HasSubCommands() {
			a.unknown = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if a.unknown == nil {
			help(cmd, args)
		}
	})
	a.format = output.Table
	flags := root.PersistentFlags()
	flags.VarP(&a.format, "output", "o", "how to answer: table for people, json for programs")
	flags.StringVar(&a.actor, "actor", "", "who acts, for the audit log (default: this user at this host)")
	root.Flags().BoolVar(&version, "version", false, "the same as the command version")
	root.AddCommand(
		a.provision(), a.imports(), a.list(), a.status(),
		a.act("retry"), a.act("skip"), a.act("rollback"), a.act("cancel"),
		a.reconcile(), a.incidents(), a.incident(), a.capacity(), a.maintenance(), a.logs(), a.legalHold(), a.deployment(), a.stellar(), a.backup(),
		a.token(), a.codec(), a.migrate(), a.setup(), a.doctor(), a.version(),
	)
	root.AddCommand(a.ofAll(a.restore()))
	for _, l := range tenant.Lifecycles() {
		if l.TakesBackup {
			continue // restore is of one tenant, and has flags of its own
		}
		root.AddCommand(a.submit(l))
	}
	return root
}

// does wraps the work of a command: from there on the command line was
// understood.
func (a *app) does(work func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.started = true
		return work(cmd, args)
	}
}

// answer writes the one document of the run.
func (a *app) answer(d output.Document) error {
	a.answered = true
	return output.Write(a.out, a.format, d)
}

// say writes a message for the person at the terminal.
func (a *app) say(format string, args ...any) { fmt.Fprintf(a.err, format+"\n", args...) }

// one takes exactly one argument, named in the message.
func one(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("expected one argument, %s, and got %d", what, len(args))
		}
		return nil
	}
}
