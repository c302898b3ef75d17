package tracing

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// header is the name that the W3C gives it.
const header = "traceparent"

// Parent is the context's trace as W3C's traceparent, for a place where it waits;
// empty without one.
func Parent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[header]
}

// Continue is a context that goes on with a trace that has waited. What is not one
// changes nothing.
func Continue(ctx context.Context, parent string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{header: parent})
}
