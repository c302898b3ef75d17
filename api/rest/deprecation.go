package rest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// deprecation is the end of an endpoint that has been announced. docs/API.md
// says how long there is between since and sunset.
type deprecation struct {
	since, sunset time.Time
}

// headers are Deprecation (RFC 9745) and Sunset (RFC 8594).
func (d *deprecation) headers() map[string]string {
	return map[string]string{
		"Deprecation": "@" + strconv.FormatInt(d.since.Unix(), 10),
		"Sunset":      d.sunset.UTC().Format(http.TimeFormat),
	}
}

// announce is in front of everything else of the endpoint, so that its refusals
// carry the headers too.
func (d *deprecation) announce(ctx huma.Context, next func(huma.Context)) {
	for name, value := range d.headers() {
		ctx.SetHeader(name, value)
	}
	next(ctx)
}

// describe marks the endpoint in the document, and lists the headers with each
// answer of it.
func (d *deprecation) describe(op *huma.Operation) {
	op.Deprecated = true
	op.Description += "\n\nDeprecated: it ends on " + d.sunset.UTC().Format(time.DateOnly) + "."
	for _, r := range op.Responses {
		if r.Headers == nil {
			r.Headers = map[string]*huma.Param{}
		}
		for name, doc := range map[string]string{"Deprecation": "Since when it is deprecated (RFC 9745).", "Sunset": "When it ends (RFC 8594)."} {
			r.Headers[name] = &huma.Param{Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
		}
	}
}
