package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/mail/mailtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	stellar, mail string // where to listen
	control       string // empty: nowhere
	interval      time.Duration
	dataDir       string
	mailKeyFile   string
}

func run(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	flags.StringVar(&o.stellar, "stellar", ":8000", "where the Stellar RPC server and friendbot listen")
	flags.StringVar(&o.mail, "mail", ":8025", "where SendGrid's API and the page with the mail listen")
	flags.StringVar(&o.control, "control", "", "where the network's control endpoint for tests listens, such as 127.0.0.1:8001 (default: nowhere)")
	flags.DurationVar(&o.interval, "interval", time.Second, "time between ledgers")
	flags.StringVar(&o.dataDir, "data-dir", "", "keep ledger and mail in this directory (default: in memory)")
	flags.StringVar(&o.mailKeyFile, "mail-key-file", "", "file with the API key that senders have as MAIL_PASSWORD")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() == 1 && flags.Arg(0) == "healthcheck":
		return check(ctx, o)
	case flags.NArg() > 0:
		return fmt.Errorf("%q is not understood; expected healthcheck, or nothing", flags.Args())
	}
	return serve(ctx, o, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
}

// serve answers until ctx ends.
func serve(ctx context.Context, o options, log *slog.Logger) (err error) {
	key, err := os.ReadFile(o.mailKeyFile)
	if err != nil {
		return fmt.Errorf("read -mail-key-file: %w", err)
	}
	var ledgers, mails string
	if o.dataDir != "" {
		if err := os.MkdirAll(o.dataDir, 0o700); err != nil {
			return fmt.Errorf("make -data-dir: %w", err)
		}
		ledgers, mails = filepath.Join(o.dataDir, "ledger"), filepath.Join(o.dataDir, "mail.jsonl")
	}
	catcher, err := mailtest.NewCatcher(mailtest.CatcherConfig{DataFile: mails, APIKey: strings.TrimSpace(string(key))})
	if err != nil {
		return fmt.Errorf("open the mail catcher: %w", err)
	}
	defer func() { err = errors.Join(err, catcher.Close()) }()
	network, err := devnet.Open(ctx, devnet.Config{CloseInterval: o.interval, DataDir: ledgers, Logger: log})
	if err != nil {
		return fmt.Errorf("open the local Stellar network: %w", err)
	}
	defer func() { err = errors.Join(err, network.Close()) }()

	var control net.Listener
	if o.control != "" {
		if control, err = devnet.ListenControl(o.control); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return network.Run(ctx) })
	if control != nil {
		group.Go(func() error { return serveOn(ctx, control, network.Control(), log) })
	}
	group.Go(func() error { return listen(ctx, o.stellar, network, log) })
	group.Go(func() error { return listen(ctx, o.mail, catcher, log) })
	return group.Wait()
}

// stopLimit is what requests have to end: a long poll must not hold up a stop.
const stopLimit = time.Second

// listen serves one handler on an address until ctx ends.
func listen(ctx context.Context, address string, handler http.Handler, log *slog.Logger) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return serveOn(ctx, listener, handler, log)
}

func serveOn(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	log.Info("listening", "address", listener.Addr().String())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(stopped)
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		if server.Shutdown(limited) != nil {
			_ = server.Close() // what has not ended is cut off
		}
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	}
	<-stopped
	return nil
}
