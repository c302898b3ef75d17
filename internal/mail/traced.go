package mail

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Traced makes spans of what a provider is asked, by a name for it: of mails nothing
// but that they were sent, and by whom.
func Traced(p Provider, name string) Provider { return traced{Provider: p, name: name} }

type traced struct {
	Provider
	name string
}

// Send sends a mail.
func (t traced) Send(ctx context.Context, m Message) (Receipt, error) {
	ctx, end := t.begin(ctx, "send mail")
	r, err := t.Provider.Send(ctx, m)
	end(err)
	return r, err
}

// Lookup looks for a mail.
func (t traced) Lookup(ctx context.Context, id string, sentAt time.Time) (Finding, error) {
	ctx, end := t.begin(ctx, "look for mail")
	f, err := t.Provider.Lookup(ctx, id, sentAt)
	end(err)
	return f, err
}

func (t traced) begin(ctx context.Context, what string) (context.Context, func(error)) {
	ctx, span := otel.Tracer("mail").Start(ctx, what, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("mail.provider", t.name)))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
