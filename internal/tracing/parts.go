package tracing

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// SQL makes spans of statements; nil where there are none to make. The statement
// itself is left out: that of a tenant's schema has its name.
func SQL() pgx.QueryTracer {
	if !enabled.Load() {
		return nil
	}
	return otelpgx.NewTracer(otelpgx.WithDisableSQLStatementInAttributes(), otelpgx.WithDisableConnectionDetailsInAttributes(),
		otelpgx.WithSpanNameFunc(statementName))
}

// verb is what a statement does, and object to which of our tables; a tenant's are
// quoted, and not named.
var (
	verb   = regexp.MustCompile(`(?i)\b(select|insert|update|delete|create|drop|grant|revoke|alter|lock|begin|commit|rollback|set|listen)\b`)
	object = regexp.MustCompile(`(?i)\b(?:from|into|update|table)\s+([a-z_]+)\b`)
)

func statementName(statement string) string {
	does := strings.ToUpper(verb.FindString(statement))
	if does == "" {
		return "SQL"
	}
	if table := object.FindStringSubmatch(statement); table != nil {
		return does + " " + table[1]
	}
	return does
}

// Temporal makes spans of runs, activities, signals and updates, and leads a trace
// from whoever starts one to it; nil where there are none to make.
func Temporal() ([]interceptor.ClientInterceptor, error) {
	if !enabled.Load() {
		return nil, nil
	}
	// A header that another program has written must not fail a run.
	i, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{DisableQueryTracing: true, DisableBaggage: true, AllowInvalidParentSpans: true})
	if err != nil {
		return nil, fmt.Errorf("trace Temporal: %w", err)
	}
	return []interceptor.ClientInterceptor{i}, nil
}
