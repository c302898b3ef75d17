package rest

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// CheckWithin gives a check another time than the product's: for tests whose
// database answers, however slow the machine is.
func CheckWithin(c Check, limit time.Duration) Check {
	c.within = limit
	return c
}

// ClientAddress finds who is behind a request.
var ClientAddress = clientAddress

// Times gives the streams of a server other times than the product's; zero leaves one.
func Times(s *Server, beat, patience, life time.Duration) {
	s.times = streamTimes{cmp.Or(beat, s.times.beat), cmp.Or(patience, s.times.patience), cmp.Or(life, s.times.life)}
}

// AddDeprecated gives a server an endpoint that has been announced to end, and
// returns what the document says of it.
func AddDeprecated(s *Server, path string, since, sunset time.Time) *huma.Operation {
	register(s, endpoint{
		id: "deprecated", method: http.MethodGet, path: path, tag: tagService, summary: "An endpoint that ends", role: token.RoleAdmin,
		deprecated: &deprecation{since: since, sunset: sunset},
	}, func(context.Context, *struct{}) (*struct{ Body struct{} }, error) {
		return &struct{ Body struct{} }{}, nil
	})
	return s.operation(http.MethodGet, path)
}

// ViewEvent is an event as the API tells it.
var ViewEvent = viewEvent

// Wire writes events as they are sent.
type Wire struct{ wire wire }

// NewWire has sent nothing.
func NewWire() *Wire { return &Wire{} }

// Of is an event as it is sent.
func (w *Wire) Of(e *tenant.ChangeEvent) ([]byte, error) { return w.wire.of(e) }
