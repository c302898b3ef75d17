package redis

import (
	"context"
	"net"

	goredis "github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// traced makes spans of questions to Redis, within a trace that is recorded: by the
// command's name alone, since a key names the client. The library's own hook would
// also begin a trace for each probe.
type traced struct{}

// DialHook makes none: a connection is for all.
func (traced) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook makes one of a command.
func (traced) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		return inSpan(ctx, cmd.Name(), func(ctx context.Context) error { return next(ctx, cmd) })
	}
}

// ProcessPipelineHook makes one of several commands.
func (traced) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		return inSpan(ctx, "pipeline", func(ctx context.Context) error { return next(ctx, cmds) })
	}
}

func inSpan(ctx context.Context, name string, do func(context.Context) error) error {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return do(ctx)
	}
	ctx, span := otel.Tracer("redis").Start(ctx, "redis "+name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("db.system.name", "redis")))
	defer span.End()
	err := do(ctx)
	if err != nil && err != goredis.Nil { //nolint:errorlint // the library's sentinel, as it gives it to hooks
		span.SetStatus(otelcodes.Error, "")
	}
	return err
}
