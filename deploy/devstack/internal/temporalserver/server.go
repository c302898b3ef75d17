package temporalserver

import (
	"context"
	"fmt"
	"net"
	"strconv"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/temporal"
)

// Server is a running Temporal server.
type Server struct {
	server temporal.Server
	ui     *uiserver.Server // nil without Web UI
}

// Start brings the databases up to date, starts the server and returns when its
// frontend answers.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure Temporal: %w", err)
	}
	logger := log.NewZapLogger(log.BuildZapLogger(log.Config{Level: cfg.LogLevel, OutputFile: cfg.LogFile, Format: "console"}))
	stores, err := prepareStores(ctx, cfg, logger)
	if err != nil {
		return nil, err
	}
	if err := portsFree(cfg); err != nil {
		return nil, fmt.Errorf("start Temporal: %w", err)
	}
	s := &Server{}
	if s.server, err = newServer(cfg, stores, logger); err != nil {
		return nil, err
	}
	started := make(chan error, 1)
	go func() { started <- s.server.Start() }() // it takes no context
	select {
	case err := <-started:
		if err != nil {
			return nil, fmt.Errorf("start Temporal (its log is %s): %w", cfg.LogFile, err)
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("start Temporal: %w", context.Cause(ctx))
	}
	if cfg.UIPort != 0 {
		s.ui = newUI(cfg)
		// Start returns when the server is closed; a port that is taken ends the
		// process from within the library, and ports are leased to prevent that.
		go func() { _ = s.ui.Start() }()
	}
	if err := awaitServing(ctx, cfg); err != nil {
		return nil, err
	}
	return s, nil
}

// portsFree asks for the ports once more, as late as can be: a server that finds
// one of them taken ends the whole process, and tells only its log why.
func portsFree(cfg Config) error {
	for i := range Ports + 1 {
		p := cfg.Port + i
		if i == Ports {
			p = cfg.UIPort // 0, none, is always free
		}
		l, err := net.Listen("tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(p)))
		if err != nil {
			return err
		}
		_ = l.Close() // it never accepted a connection
	}
	return nil
}

// Stop ends the Web UI and the server, in order; it returns when ctx ends even if
// the server has not ended by then.
func (s *Server) Stop(ctx context.Context) error {
	if s.ui != nil {
		s.ui.Stop()
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.server.Stop() }() // it takes no context
	select {
	case err := <-stopped:
		if err != nil {
			return fmt.Errorf("stop Temporal: %w", err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop Temporal: %w", context.Cause(ctx))
	}
}

func newServer(cfg Config, stores map[string]config.DataStore, logger log.Logger) (temporal.Server, error) {
	server := serverConfig(cfg, stores)
	claims, err := authorization.GetClaimMapperFromConfig(&server.Global.Authorization, logger)
	if err != nil {
		return nil, fmt.Errorf("configure Temporal's authorization: %w", err)
	}
	s, err := temporal.NewServer(
		temporal.WithConfig(server),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts(cfg)),
		temporal.WithLogger(logger),
		temporal.WithDynamicConfigClient(dynamicConfig()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return claims }))
	if err != nil {
		return nil, fmt.Errorf("configure Temporal: %w", err)
	}
	return s, nil
}

func newUI(cfg Config) *uiserver.Server {
	return uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host: cfg.Host, Port: cfg.UIPort, TemporalGRPCAddress: cfg.Address(),
		EnableUI: true, DefaultNamespace: cfg.Namespace,
		CORS:     uiconfig.CORS{CookieInsecure: true}, // it is served without TLS, on loopback only
		HideLogs: true, DisableNewsFetch: true,
	}))
}
