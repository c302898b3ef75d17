package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/starter/output"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the process at once, as people expect.
	context.AfterFunc(ctx, stop)
	a := &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, now: time.Now,
		terminal: isatty.IsTerminal(os.Stderr.Fd()),
	}
	os.Exit(a.run(ctx, os.Args[1:]))
}

// app is one run of the command line.
type app struct {
	// in is where a confirmation is typed; nil when nobody can.
	in       io.Reader
	out, err io.Writer
	// terminal tells that err is one, on which a bar can be drawn.
	terminal bool
	settings config.Options
	now      func() time.Time

	format output.Format
	actor  string
	// answered tells that the one document of the run was written.
	answered bool
	// started tells that the command line was understood: what fails from then
	// on is no mistake in its use.
	started bool
	// unknown is the mistake of whoever asks for the help of no command.
	unknown error
}

// run runs the command and returns the process's exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = a.unknown
	}
	if err == nil {
		return exitOK
	}
	code := a.exitCode(err)
	if a.format == output.JSON && !a.answered {
		// Where even that cannot be written, the text below and the code tell.
		_ = a.answer(output.Failure{Error: err.Error(), Next: nextStep(err), ExitCode: code})
	}
	fmt.Fprintf(a.err, "starter: %s\n", advise(err))
	if code == exitUsage {
		fmt.Fprintf(a.err, "\nSee: %s --help\n", cmd.CommandPath())
	}
	return code
}
