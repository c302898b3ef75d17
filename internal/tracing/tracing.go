package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

const (
	// maxQueued is how many spans wait for the collector: some megabytes.
	maxQueued = 2048
	// stopTimeout bounds how long the end of a process waits for the collector.
	stopTimeout = 2 * time.Second
	// tellEvery spaces what is said of a collector that is away.
	tellEvery = time.Minute
)

// Config says where spans go.
type Config struct {
	// Endpoint is the whole URL that spans are posted to. Empty: there are none.
	Endpoint string
	// Headers go with each request, as OTEL_EXPORTER_OTLP_HEADERS has them:
	// name=value, separated by commas, each percent-encoded.
	Headers string
	// Service is what the process is called unless OTEL_SERVICE_NAME says otherwise.
	Service string
	// Version is that of the build; it may be empty.
	Version string
	Logger  *slog.Logger
}

// enabled tells that Start has begun to send spans.
var enabled atomic.Bool

// Start begins to send the spans of this process. Call stop at its end: it sends the
// last ones, for no longer than seconds. What else can be set (sampling, time-outs,
// certificates, attributes of the resource) the SDK reads from the standard
// variables.
func Start(ctx context.Context, c Config) (stop func(), err error) {
	if c.Endpoint == "" {
		return func() {}, nil
	}
	headers, err := parseHeaders(c.Headers)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(c.Endpoint), otlptracehttp.WithHeaders(headers))
	if err != nil {
		return nil, fmt.Errorf("send traces to OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", c.Service), attribute.String("service.version", c.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(&complaints{log: c.Logger})
	provider := trace.NewTracerProvider(trace.WithBatcher(wordless{exporter}, trace.WithMaxQueueSize(maxQueued)), trace.WithResource(about))
	otel.SetTracerProvider(provider)
	enabled.Store(true)
	return func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err := provider.Shutdown(last); err != nil {
			c.Logger.Debug("the last spans were not sent", "error", err)
		}
	}, nil
}

func parseHeaders(text string) (map[string]string, error) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		decoded, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_HEADERS: the value (not shown) is not valid; expected name=value, separated by commas, with what is special percent-encoded")
		}
		headers[strings.TrimSpace(name)] = decoded
	}
	return headers, nil
}

// complaints says, once in a while, that spans are not taken.
type complaints struct {
	log  *slog.Logger
	last atomic.Int64
}

// Handle is told each error of the SDK.
func (c *complaints) Handle(err error) {
	now, last := time.Now(), c.last.Load()
	if now.Sub(time.Unix(0, last)) >= tellEvery && c.last.CompareAndSwap(last, now.UnixNano()) {
		c.log.Warn("traces are not sent; spans are dropped until they can be: check OTEL_EXPORTER_OTLP_ENDPOINT and the collector there", "error", err)
	}
}

// wordless sends spans without the words of errors.
type wordless struct{ trace.SpanExporter }

// ExportSpans sends some.
func (w wordless) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	bare := make([]trace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		bare[i] = bareSpan{s}
	}
	return w.SpanExporter.ExportSpans(ctx, bare) //nolint:wrapcheck // for the SDK
}

type bareSpan struct{ trace.ReadOnlySpan }

// Status is without its description.
func (s bareSpan) Status() trace.Status { return trace.Status{Code: s.ReadOnlySpan.Status().Code} }

// Events are without what they say, but for the type of an error.
func (s bareSpan) Events() []trace.Event {
	events := s.ReadOnlySpan.Events()
	bare := make([]trace.Event, len(events))
	for i, e := range events {
		bare[i] = trace.Event{Name: e.Name, Time: e.Time}
		for _, a := range e.Attributes {
			if a.Key == "exception.type" {
				bare[i].Attributes = append(bare[i].Attributes, a)
			}
		}
	}
	return bare
}
