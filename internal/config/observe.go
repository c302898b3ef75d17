package config

import "log/slog"

// Log is where messages go and which.
type Log struct {
	// Level is the least severe that is written (LOG_LEVEL, info).
	Level slog.Level
	// Dir, when set, receives a file for each process beside what is written to
	// standard error (LOG_DIR).
	Dir string
}

func (r *reader) log() Log {
	return Log{
		Level: read(r, setting{name: "LOG_LEVEL", def: "info"}, logLevel),
		Dir:   read(r, setting{name: "LOG_DIR"}, text("a directory")),
	}
}

type levelName string

var logLevel = kind[slog.Level]{want: "one of debug, info, warn, error", parse: func(s string) (slog.Level, bool) {
	name, ok := oneOf[levelName]("debug", "info", "warn", "error").parse(s)
	var level slog.Level
	return level, ok && level.UnmarshalText([]byte(name)) == nil
}}

// Traces is where the spans of OpenTelemetry go. The names are the standard's; what
// else that knows, such as OTEL_TRACES_SAMPLER, the SDK reads from the environment.
type Traces struct {
	// Endpoint is the URL that spans are posted to
	// (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, or /v1/traces below
	// OTEL_EXPORTER_OTLP_ENDPOINT). Empty: there are none, also where
	// OTEL_SDK_DISABLED is true or OTEL_TRACES_EXPORTER is none.
	Endpoint string
	// Headers go with each request, such as a collector's key
	// (OTEL_EXPORTER_OTLP_TRACES_HEADERS, OTEL_EXPORTER_OTLP_HEADERS).
	Headers Secret
}

type (
	otlpProtocol  string
	traceExporter string
)

func (r *reader) traces() Traces {
	disabled := read(r, setting{name: "OTEL_SDK_DISABLED", def: "false"}, boolean)
	exporter := read(r, setting{name: "OTEL_TRACES_EXPORTER", def: "otlp"}, oneOf[traceExporter]("otlp", "none"))
	t := Traces{
		Endpoint: read(r, setting{name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}, webURL),
		Headers:  readSecret(r, setting{name: "OTEL_EXPORTER_OTLP_TRACES_HEADERS", aliases: []string{"OTEL_EXPORTER_OTLP_HEADERS"}}, secretText("name=value, separated by commas", 1)),
	}
	if base := read(r, setting{name: "OTEL_EXPORTER_OTLP_ENDPOINT"}, webURL); t.Endpoint == "" && base != "" {
		t.Endpoint = base + "/v1/traces"
	}
	if disabled || exporter != "otlp" {
		t.Endpoint = ""
	}
	if t.Endpoint != "" { // gRPC would double what the binary has for it
		read(r, setting{name: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", aliases: []string{"OTEL_EXPORTER_OTLP_PROTOCOL"}}, oneOf[otlpProtocol]("http/protobuf"))
	}
	return t
}

// Metrics is the worker's listener for /metrics, /livez and /readyz; the api
// has them on APP_PORT.
type Metrics struct {
	// Addr is METRICS_ADDR, :9464, the usual port of Prometheus exporters made
	// with OpenTelemetry.
	Addr string
}

func (r *reader) metrics() Metrics {
	return Metrics{Addr: read(r, setting{name: "METRICS_ADDR", def: ":9464"}, listenAddress)}
}
