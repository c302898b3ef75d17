package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/config"
)

// askTimeout bounds one question to the process beside this one. Its longest
// answer, a worker's /readyz, takes two seconds.
const askTimeout = 4 * time.Second

// maxAnswer is what is shown of an answer, in bytes.
const maxAnswer = 500

// Healthcheck is the command by which a container asks whether the process in it
// works. where says the address at which that listens.
func Healthcheck(where func(config.Options) (string, error)) *cobra.Command {
	var ready bool
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the process in this container whether it works: exit 0 or 1",
		Long: `Ask the process that listens in this container whether it works, over the
loopback. Exit 0 when it does, 1 when it does not, or does not answer in 4 s.

It asks /livez, which asks nobody else: what ends a container that is unhealthy
must not end all of them when the database is away. With --ready it asks /readyz,
for those who wait until the process can do its work.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			addr, err := where(config.Options{})
			if err != nil {
				return err
			}
			path := "/livez"
			if ready {
				path = "/readyz"
			}
			answer, err := Ask(cmd.Context(), addr, path)
			if err == nil && answer.Status != http.StatusOK {
				err = fmt.Errorf("%s at %s says %d: %s", path, addr, answer.Status, answer.Text)
			}
			if err != nil {
				return fmt.Errorf("healthcheck: %w", err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), answer.Text)
			return nil
		},
	}
	cmd.Flags().BoolVar(&ready, "ready", false, "ask whether it can do its work now, with all that it needs for that")
	return cmd
}

// Answer is what a process says of itself.
type Answer struct {
	Status int
	// Text is the body, in one line, without what is too long to read.
	Text string
}

// Ask asks the process that listens on addr of this machine, as APP_PORT or
// METRICS_ADDR give it. No proxy is asked, whatever the environment says. The
// error says that nobody answers.
func Ask(ctx context.Context, addr, path string) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	dial, err := loopback(addr)
	if err != nil {
		return Answer{}, err
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return Answer{}, err
	}
	res, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return Answer{}, unanswered(addr, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return Answer{}, unanswered(addr, err)
	}
	return Answer{res.StatusCode, strings.Join(strings.Fields(string(body)), " ")}, nil
}

func unanswered(addr string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s has not answered within %s", addr, askTimeout)
	}
	if asked := new(url.Error); errors.As(err, &asked) {
		err = asked.Err // without the address that the client was given
	}
	return fmt.Errorf("%s does not answer: %w", addr, err)
}

// loopback dials whoever listens on addr, which is of the form host:port. Without
// a host that is one of this machine's two loopbacks.
func loopback(addr string) (func(context.Context, string, string) (net.Conn, error), error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if port == "0" {
		return nil, fmt.Errorf("%s is another port at each start, which nobody can know: give it one", addr)
	}
	hosts := []string{host}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		hosts = []string{"127.0.0.1", "::1"}
	}
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		var first error
		for _, host := range hosts {
			conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
			if err == nil {
				return conn, nil
			}
			if first == nil {
				first = err
			}
		}
		return nil, first
	}, nil
}
