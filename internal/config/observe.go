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
