package temporalclient

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
)

// Config says how to connect.
type Config struct {
	// Options are the address, namespace, TLS and credentials, as envconfig
	// reads them. What New sets in them is overwritten.
	Options client.Options
	// Identity names this process in histories and in the Web UI; empty:
	// process id and host name.
	Identity string
	// Keys encrypt payloads and failures. Empty: they are stored in clear.
	Keys []Key
	// RunsWorkflows has a workflow task fail, and wait, whose payloads cannot be
	// decoded. For workers.
	RunsWorkflows bool
	// Logger receives the SDK's messages. Required.
	Logger *slog.Logger
	// Registerer receives the SDK's metrics (temporal_*). Nil: there are none.
	Registerer prometheus.Registerer
}

// New makes a client that connects when it is first used: its error is about
// the configuration and never about the server. Close it when done.
func New(config Config) (client.Client, error) {
	if config.Logger == nil {
		return nil, errors.New("temporal client: no logger")
	}
	options := config.Options
	options.Identity = config.Identity
	options.Logger = log.NewStructuredLogger(config.Logger)
	if onLoopback(options.HostPort) {
		// Compressing costs more than it saves when nothing leaves the machine:
		// 2 % of all that an engine on the same machine does.
		options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	}
	if config.Registerer != nil {
		handler, err := metricsHandler(config.Registerer, config.Logger)
		if err != nil {
			return nil, fmt.Errorf("temporal client: %w", err)
		}
		options.MetricsHandler = handler
	}
	codec, err := codecFor(config.Keys)
	if err != nil {
		return nil, fmt.Errorf("temporal client: %w", err)
	}
	options.DataConverter, options.FailureConverter = converters(codec)
	if config.RunsWorkflows {
		options.DataConverter = inWorkflows{options.DataConverter}
		options.FailureConverter = failuresInWorkflows{options.FailureConverter, codec}
	}
	c, err := client.NewLazyClient(options)
	if err != nil {
		return nil, fmt.Errorf("temporal client: %w", err)
	}
	return c, nil
}

// codecFor is a codec that encrypts where there are keys. Without any it tells
// what is encrypted all the same.
func codecFor(keys []Key) (*Codec, error) {
	if len(keys) == 0 {
		return &Codec{}, nil
	}
	return NewCodec(keys)
}

// converters makes those for payloads and for failures. The messages and stack
// traces of failures are outside of payloads unless told otherwise.
func converters(codec *Codec) (converter.DataConverter, converter.FailureConverter) {
	data := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), codec)
	failures := temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter:          data,
		EncodeCommonAttributes: codec.encrypts(),
	})
	return data, failures
}

// onLoopback says that the server is on this machine. The SDK's default
// address is.
func onLoopback(hostPort string) bool {
	if hostPort == "" {
		return true
	}
	host, _, err := net.SplitHostPort(hostPort)
	return err == nil && IsLoopback(host)
}
