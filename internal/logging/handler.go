package logging

import (
	"context"
	"log/slog"
	"maps"

	"go.opentelemetry.io/otel/trace"
)

// Keys that every line has for the same thing. The SDK of Temporal has names of
// its own for some, which are translated.
const (
	// KeyRequest is the id of the HTTP request.
	KeyRequest = "requestId"
	// KeyActor is who asks; see Actor.
	KeyActor = "actor"
	// KeyTenant, KeyOperation: their ids.
	KeyTenant    = "tenant"
	KeyOperation = "operation"
	// KeyWorkflow is the workflow's id, KeyRun that of its run.
	KeyWorkflow = "workflow"
	KeyRun      = "run"
	// KeyTrace and KeySpan lead to the trace, in hexadecimal as everywhere.
	KeyTrace = "traceId"
	KeySpan  = "spanId"
)

// sdkKeys are the names that Temporal's SDK uses, and ours.
var sdkKeys = map[string]string{
	"WorkflowID": KeyWorkflow, "RunID": KeyRun, "TraceID": KeyTrace, "SpanID": KeySpan, "Error": "error",
	"Namespace": "namespace", "TaskQueue": "queue", "WorkerID": "worker", "WorkerType": "workerType",
	"WorkflowType": "workflowType", "ActivityID": "activityId", "ActivityType": "activity", "Attempt": "attempt",
}

// handler adds to each record what its context knows.
type handler struct {
	all, errors slog.Handler
	has         map[string]bool // keys that With has set
}

// newHandler gives errors to a handler of their own; nil: to the one of all.
func newHandler(all, errors slog.Handler) slog.Handler {
	if errors == nil {
		errors = all
	}
	return &handler{all: all, errors: errors}
}

// Enabled says whether such a record is written.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.all.Enabled(ctx, level)
}

// Handle writes a record. What the caller gives goes before what the context has.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	var add []slog.Attr
	for _, a := range about(ctx) {
		if !h.knows(r, a.Key) {
			add = append(add, a)
		}
	}
	if len(add) > 0 {
		r = r.Clone()
		r.AddAttrs(add...)
	}
	if r.Level >= slog.LevelError {
		return h.errors.Handle(ctx, r) //nolint:wrapcheck // slog drops it
	}
	return h.all.Handle(ctx, r) //nolint:wrapcheck // slog drops it
}

func (h *handler) knows(r slog.Record, key string) bool {
	known := h.has[key]
	r.Attrs(func(a slog.Attr) bool {
		known = known || ours(a.Key) == key
		return !known
	})
	return known
}

// WithAttrs makes a handler whose records all have these.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := &handler{all: h.all.WithAttrs(attrs), errors: h.errors.WithAttrs(attrs), has: maps.Clone(h.has)}
	if with.has == nil {
		with.has = map[string]bool{}
	}
	for _, a := range attrs {
		with.has[ours(a.Key)] = true
	}
	return with
}

// WithGroup makes a handler that puts what follows into a group.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{all: h.all.WithGroup(name), errors: h.errors.WithGroup(name), has: h.has}
}

func ours(key string) string {
	if name, translated := sdkKeys[key]; translated {
		return name
	}
	return key
}

// about is what a context knows: what was noted, and its trace.
func about(ctx context.Context) []slog.Attr {
	attrs := noted(ctx)
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		attrs = append(attrs, slog.String(KeyTrace, span.TraceID().String()), slog.String(KeySpan, span.SpanID().String()))
	}
	return attrs
}
