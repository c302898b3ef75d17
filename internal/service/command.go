package service

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/build"
)

// command is the program's command line: its work when there is no argument, and
// what else it can be asked.
func command(name, does string, work func(*cobra.Command) error, others []*cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   name,
		Short: does,
		Long: does + `

Without a command it runs until SIGINT or SIGTERM ends it. Its settings come from
the environment, a file .env, or NAME_FILE; docs/OPERATIONS.md lists them.`,
		Version:           build.This().Line(),
		SilenceUsage:      true,
		SilenceErrors:     true,
		DisableAutoGenTag: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return fmt.Errorf("%q is not understood: without an argument it does its work, with settings from the environment; the other commands are %s", args[0], names(others))
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return work(cmd) },
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetHelpCommand(&cobra.Command{Hidden: true}) // --help is enough
	root.AddCommand(others...)
	return root
}

func names(commands []*cobra.Command) string {
	var list []string
	for _, c := range commands {
		list = append(list, c.Name())
	}
	return strings.Join(append(list, "--help", "--version"), ", ")
}
