package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// timer measures statements and batches.
type timer struct{ took func(seconds float64) }

type timedSince struct{}

// TraceQueryStart implements pgx.QueryTracer.
func (timer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, timedSince{}, time.Now())
}

// TraceQueryEnd implements pgx.QueryTracer.
func (t timer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) { t.end(ctx) }

// TraceBatchStart implements pgx.BatchTracer.
func (timer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return context.WithValue(ctx, timedSince{}, time.Now())
}

// TraceBatchQuery implements pgx.BatchTracer.
func (timer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (t timer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) { t.end(ctx) }

func (t timer) end(ctx context.Context) {
	if since, ok := ctx.Value(timedSince{}).(time.Time); ok {
		t.took(time.Since(since).Seconds())
	}
}
