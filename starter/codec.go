package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/temporalclient"
	"tenant-provisioning/starter/output"
)

// codecTimeout bounds a request to the codec server, and its end.
const codecTimeout = 10 * time.Second

func (a *app) codec() *cobra.Command {
	var listen string
	var uis []string
	cmd := &cobra.Command{
		Use:   "codec",
		Short: "Decrypt for Temporal Web UI and the temporal command line, on this machine",
		Long: `Decrypt for Temporal Web UI and the temporal command line, on this machine, until
Ctrl-C. With PAYLOAD_KEYS, which is the only setting needed, they show ciphertext
otherwise. It asks nobody who they are, so it listens on the loopback only.

Start it with the address of the Web UI. There, give its address under "Configure
Codec Server" (the glasses at the top right), "Use my browser setting", and load
the page again; for the command line, set TEMPORAL_CODEC_ENDPOINT, or add
--codec-endpoint.`,
		Example: `  starter codec --ui https://temporal.platform.example
  temporal workflow query --codec-endpoint http://127.0.0.1:8081 --workflow-id ID --type status`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = a.does(func(cmd *cobra.Command, _ []string) error {
		origins, err := originsOf(uis)
		if err != nil {
			return err
		}
		cfg, err := a.load(config.NeedTemporal)
		if err != nil {
			return err
		}
		if len(cfg.Temporal.PayloadKeys) == 0 {
			return errors.New("PAYLOAD_KEYS is not set: payloads are stored in clear, and nothing has to be decrypted")
		}
		codec, err := connect.Codec(cfg.Temporal)
		if err != nil {
			return err
		}
		return a.serveCodec(cmd.Context(), listen, temporalclient.CodecServer(codec, origins))
	})
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&listen, "listen", "127.0.0.1:8081", "where to listen, on the loopback")
	flags.StringSliceVar(&uis, "ui", nil, "address of a Temporal Web UI that may ask; may be repeated")
	return cmd
}

// originsOf are what a browser calls the sites at these addresses.
func originsOf(addresses []string) ([]string, error) {
	origins := make([]string, len(addresses))
	for i, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, usagef("--ui %q: expected an address like https://temporal.platform.example", address)
		}
		origins[i] = u.Scheme + "://" + u.Host
	}
	return origins, nil
}

func (a *app) serveCodec(ctx context.Context, listen string, handler http.Handler) error {
	if host, _, err := net.SplitHostPort(listen); err != nil || !temporalclient.IsLoopback(host) {
		return usagef("--listen %q: expected an address of the loopback, like 127.0.0.1:8081", listen)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listen (choose another address with --listen): %w", err)
	}
	server := &http.Server{Handler: handler, ReadTimeout: codecTimeout, WriteTimeout: codecTimeout}
	context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), codecTimeout)
		defer cancel()
		_ = server.Shutdown(ending) // the process ends next
	})
	if err := a.answer(output.Codec{URL: "http://" + listener.Addr().String()}); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the codec: %w", err)
	}
	return nil
}
