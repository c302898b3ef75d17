package main

import (
	"github.com/spf13/cobra"

	"tenant-provisioning/internal/build"
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

// thisBuild is what this program was built from.
func thisBuild() output.Version {
	i := build.This()
	return output.Version{Version: i.Version, Revision: i.Revision, Modified: i.Modified, Committed: i.Committed, Go: i.Go}
}
