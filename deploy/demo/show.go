package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// show provisions the tenants in front of the viewer, looks at the result, and
// returns where the viewer can look.
func show(ctx context.Context, f flags, s settings, sample []tenant.Spec, out io.Writer) (places, error) {
	bearer, err := connect.Signer(s.JWT).Issue("demo", token.RoleOperator, s.JWT.Expiration, time.Now())
	if err != nil {
		return places{}, err
	}
	api, err := client.New(client.Config{URL: s.App.URL, Token: bearer})
	if err != nil {
		return places{}, err
	}
	round, err := freeRound(ctx, api, sample)
	if err != nil {
		return places{}, err
	}
	if round > 1 {
		fmt.Fprintf(out, "The tenants of the last run are alive and keep their names: this is round %d.\n", round)
	}
	for i := range sample {
		sample[i].Name = nameIn(round, sample[i].Name)
	}
	fmt.Fprintln(out)
	scr, v := screenOn(out)
	limited, cancel := context.WithTimeoutCause(ctx, f.limit, fmt.Errorf("the tenants were not done within %s; the logs in %s say why", f.limit, f.logs))
	defer cancel()
	b, err := provision(limited, api, sample, scr)
	if err != nil {
		return places{}, causeOf(limited, err)
	}
	fmt.Fprintf(out, "\n%s\n", v.table(b.lines))
	return look(ctx, s, b, v, out)
}

// look checks what was made, and returns where to see it.
func look(ctx context.Context, s settings, b board, v view, out io.Writer) (places, error) {
	checks, links, err := lookAt(ctx, s, b.lines)
	if err != nil {
		return places{}, err
	}
	fmt.Fprintln(out, v.checked(checks))
	if !b.good() {
		for _, l := range b.lines {
			if l.problem != "" {
				fmt.Fprintf(out, "%s: %s\n", l.name, l.problem)
			}
		}
		return places{}, errors.New("not every tenant became ACTIVE")
	}
	if bad := failed(checks); len(bad) > 0 {
		return places{}, fmt.Errorf("%d of %d checks found something wrong", len(bad), len(checks))
	}
	first := b.lines[0].name
	return places{
		api: s.App.URL, temporalUI: s.temporalUI, namespace: s.Temporal.Namespace, mail: s.mailCatcher,
		tenant: first, invitation: links[first],
	}, nil
}

// screenOn chooses how to show progress: drawn over itself on a terminal, and
// line by line elsewhere. NO_COLOR is respected (no-color.org).
func screenOn(out io.Writer) (screen, view) {
	file, ok := out.(*os.File)
	if !ok || !isatty.IsTerminal(file.Fd()) || os.Getenv("TERM") == "dumb" {
		return newPlain(out), view{}
	}
	width := func() int {
		width, _, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return usualWidth
		}
		return width
	}
	v := view{width: width(), colour: os.Getenv("NO_COLOR") == ""}
	return &redrawn{w: out, view: v, width: width}, v
}

// usualWidth is that of a terminal that does not tell.
const usualWidth = 80
