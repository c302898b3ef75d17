package rest

import (
	"bytes"
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// Events tells what changes. *feed.Feed does.
type Events interface {
	// Join starts following the events that a filter picks. The caller must call Leave
	// on the stream. The error is tenant.ErrEventGone if there is no such start.
	Join(ctx context.Context, f tenant.EventFilter, start tenant.EventStart) (tenant.EventStream, error)
	// Page reads some events after one that is known; zero reads the first.
	Page(ctx context.Context, f tenant.EventFilter, after tenant.EventID, limit int) ([]*tenant.ChangeEvent, error)
}

// LastEvent is the last event that a client has. It is exported, like PageQuery,
// because huma does not look into embedded types that are not.
type LastEvent struct {
	LastEventID string `header:"Last-Event-ID" doc:"The id of the last event that you have, as EventSource sends it: the stream goes on after it, without loss or repetition." example:"4711"`
	After       string `query:"after" doc:"The same in the query; Last-Event-ID counts before it. 0 begins with the first event that is kept." example:"4711"`

	start tenant.EventStart
	plain bool
}

// Resolve checks what the schema cannot say.
func (l *LastEvent) Resolve(ctx huma.Context) []error {
	l.plain = prefersJSON(ctx.Header("Accept"))
	text, location := l.LastEventID, "header.Last-Event-ID"
	if text == "" {
		text, location = l.After, "query.after"
	}
	if text == "" {
		l.start.Now = true
		return nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return []error{&huma.ErrorDetail{Location: location, Message: "must be the id of an event, or 0"}}
	}
	l.start.After = tenant.EventID(id)
	return nil
}

// prefersJSON reports whether a client wants a page of events rather than a stream.
// Clients that accept anything get the stream.
func prefersJSON(accept string) bool {
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/event-stream")
}

type eventsInput struct {
	LastEvent
	TenantID string `query:"tenantId" format:"uuid" doc:"Only events of this tenant."`
	Limit    int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"How many events a page has; streams have no end."`

	tenant tenant.ID
}

// Resolve checks what the schema cannot say.
func (i *eventsInput) Resolve(ctx huma.Context) []error {
	errs := i.LastEvent.Resolve(ctx)
	if i.TenantID == "" {
		return errs
	}
	id, err := tenant.ReadID(i.TenantID)
	if err != nil {
		errs = append(errs, &huma.ErrorDetail{Location: "query.tenantId", Message: "must be a UUID"})
	}
	i.tenant = id
	return errs
}

type operationEventsInput struct {
	ID string `path:"id" format:"uuid" doc:"The operation's id."`
	LastEvent

	id tenant.OperationID
}

// Resolve checks what the schema cannot say.
func (i *operationEventsInput) Resolve(ctx huma.Context) []error {
	id, errs := parseOperationID(i.ID)
	i.id = id
	return append(errs, i.LastEvent.Resolve(ctx)...)
}

const aboutStreams = "With `Accept: text/event-stream`, as EventSource sends it, or anything else: server-sent events. Each has its `id`, its type as `event`, and the rest as JSON in `data`. " +
	"When the connection ends, for whatever reason, connect again with the id of the last event as `Last-Event-ID`: no event is lost or told twice, whichever api answers. " +
	"A stream ends after an hour, and with its token; every 15 seconds a comment tells that it is there; who does not read for 10 seconds is cut off. " +
	"How many streams of a client may be open at a time is bounded; one more is 429. With `Accept: application/json`: a page of the events after the one that is named."

func (s *Server) registerEvents() {
	register(s, endpoint{
		id: "follow-operation", method: http.MethodGet, path: "/v1/operations/{id}/events", tag: tagOperations, role: token.RoleViewer,
		summary: "Follow an operation, event by event",
		description: "From its first event on, or after the one that is named. The stream ends when the operation has ended; who connects again then is answered 204, which tells EventSource to stay away. " +
			aboutStreams,
		problems: []Code{CodeNotFound, CodeEventGone}, slow: true, streams: true,
	}, func(ctx context.Context, in *operationEventsInput) (*huma.StreamResponse, error) {
		o, err := s.operations.Operation(ctx, in.id)
		if err != nil {
			return nil, err
		}
		in.start.Now = false // it has few, and all are of interest
		filter := tenant.EventFilter{Operation: in.id}
		if in.plain {
			return s.pageOfEvents(ctx, filter, in.start, maxPageOfEvents)
		}
		if o.State.Closed() {
			return s.replay(ctx, filter, in.start.After)
		}
		return s.stream(ctx, filter, in.start, closes)
	})
	register(s, endpoint{
		id: "follow-events", method: http.MethodGet, path: "/v1/events", tag: tagEvents, role: token.RoleViewer,
		summary:     "Follow what changes, event by event",
		description: "The installation's events in order, from now on or after the one that is named. " + aboutStreams,
		problems:    []Code{CodeEventGone}, slow: true, streams: true,
	}, func(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
		filter := tenant.EventFilter{Tenant: in.tenant}
		if in.plain {
			return s.pageOfEvents(ctx, filter, in.start, in.Limit)
		}
		return s.stream(ctx, filter, in.start, func(*tenant.ChangeEvent) bool { return false })
	})
}

// closes tells the event with which an operation ends.
func closes(e *tenant.ChangeEvent) bool { return e.State.Closed() }

// maxPageOfEvents is how many events a page has at most.
const maxPageOfEvents = 500

// pageOfEvents answers with events as JSON. Without a start it begins with the first:
// nothing comes from now on in a page.
func (s *Server) pageOfEvents(ctx context.Context, f tenant.EventFilter, start tenant.EventStart, limit int) (*huma.StreamResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	events, err := s.events.Page(ctx, f, start.After, limit+1)
	if err != nil {
		return nil, err
	}
	page := tenant.Page[*tenant.ChangeEvent]{Items: events}
	if len(events) > limit {
		page.Items = events[:limit]
		page.NextCursor = viewEvent(events[limit-1]).ID
	}
	body := viewPage(page, viewEvent)
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "application/json")
		ctx.SetStatus(http.StatusOK)
		if err := encode(ctx.BodyWriter(), body); err != nil && ctx.Context().Err() == nil {
			s.logger.ErrorContext(ctx.Context(), "an answer could not be written", "error", err)
		}
	}}, nil
}

// replay answers with the events of an operation that has ended: all of them, since
// none will come.
func (s *Server) replay(ctx context.Context, f tenant.EventFilter, after tenant.EventID) (*huma.StreamResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var text bytes.Buffer
	for {
		events, err := s.events.Page(ctx, f, after, maxPageOfEvents)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			one, err := s.wire.of(e)
			if err != nil {
				return nil, err
			}
			text.Write(one)
			after = e.ID
		}
		if len(events) < maxPageOfEvents {
			break
		}
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		if text.Len() == 0 {
			ctx.SetStatus(http.StatusNoContent)
			return
		}
		ctx.SetHeader("Content-Type", "text/event-stream")
		ctx.SetStatus(http.StatusOK)
		_, _ = ctx.BodyWriter().Write(text.Bytes()) // a client that is gone reconnects
	}}, nil
}

// describeStream says what huma cannot know of an answer that a handler writes itself.
func (s *Server) describeStream(op *huma.Operation, r *huma.Response) {
	registry := s.api.OpenAPI().Components.Schemas
	r.Content = map[string]*huma.MediaType{
		"text/event-stream": {
			Schema:  &huma.Schema{Type: huma.TypeString, Description: "Server-sent events; the data of each is an Event."},
			Example: "id: 4711\nevent: operation.running\ndata: {\"id\":\"4711\",\"type\":\"operation.running\",\"at\":\"2026-01-02T03:04:05Z\"}\n\n",
		},
		"application/json": {Schema: registry.Schema(reflect.TypeFor[list[Event]](), true, "ListEvent")},
	}
	if op.OperationID == "follow-operation" {
		op.Responses["204"] = &huma.Response{Description: "The operation has ended, and you have had its last event."}
	}
}
