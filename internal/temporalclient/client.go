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
	if len(config.Keys) > 0 {
		codec, err := NewCodec(config.Keys)
		if err != nil {
			return nil, fmt.Errorf("temporal client: %w", err)
		}
		options.DataConverter, options.FailureConverter = encrypting(codec)
	}
	c, err := client.NewLazyClient(options)
	if err != nil {
		return nil, fmt.Errorf("temporal client: %w", err)
	}
	return c, nil
}

// encrypting makes the converters for payloads and for failures. The messages
// and stack traces of failures are outside of payloads unless told otherwise.
func encrypting(codec *Codec) (converter.DataConverter, converter.FailureConverter) {
	data := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), codec)
	failures := temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter:          data,
		EncodeCommonAttributes: true,
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
