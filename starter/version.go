package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"tenant-provisioning/starter/output"
)

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  cobra.NoArgs,
		RunE:  a.does(func(*cobra.Command, []string) error { return a.answer(thisBuild()) }),
	}
}

// thisBuild reads what the Go tool wrote into the binary.
func thisBuild() output.Version {
	v := output.Version{Version: "(unknown)", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
