package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"tenant-provisioning/internal/answers"
	"tenant-provisioning/internal/observe"
)

// answerWithin bounds every answer but a long poll, so that callers hear
// within five seconds that something behind the API is away.
const answerWithin = 4500 * time.Millisecond

// Config is what the API is made of.
type Config struct {
	Tenants     Tenants
	Operations  Operations
	Fleets      Fleets
	Maintenance Maintenance
	Incidents   Incidents
	Invitations Invitations
	Passwords   Passwords
	Tokens      Tokens
	// Limiter is nil when there is no rate limit.
	Limiter Limiter
	// Waiting is how many requests of one client may wait at a time; zero: any
	// number.
	Waiting int
	// Events are what streams tell.
	Events Events
	// Records are what has happened.
	Records Records
	// Capacities are what adding tenants uses up.
	Capacities Capacities
	// Streams is how many streams of one client may be open at a time; zero: any
	// number.
	Streams int
	// Answers keeps answers that repeat; nil keeps none.
	Answers *answers.Cache
	// Status is the page at /status.
	Status StatusPage
	// Database is what the API cannot work without; it decides /readyz and
	// /health.
	Database Check
	// Others are told by /readyz and decide nothing.
	Others []Check
	// TrustedProxies are those whose X-Forwarded-For is believed; nil is those on
	// the same machine.
	TrustedProxies []netip.Prefix
	// Note is what /readyz tells although it decides nothing, in plain words; empty
	// when there is nothing to tell. It must not ask anybody. Nil tells nothing.
	Note func() string
	// PublicURL is where callers reach the API, and AppURL where a person signs
	// in after setting a password.
	PublicURL string
	AppURL    string
	// Version of this build, for the document.
	Version    string
	Registerer prometheus.Registerer
	Gatherer   prometheus.Gatherer
	Logger     *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

func (c Config) validate() error {
	var errs []error
	for _, f := range []struct {
		missing bool
		name    string
	}{
		{c.Tenants == nil, "Tenants"},
		{c.Operations == nil, "Operations"},
		{c.Fleets == nil, "Fleets"},
		{c.Maintenance == nil, "Maintenance"},
		{c.Incidents == nil, "Incidents"},
		{c.Events == nil, "Events"},
		{c.Status == nil, "Status"},
		{c.Records == nil, "Records"},
		{c.Capacities == nil, "Capacities"},
		{c.Invitations == nil, "Invitations"},
		{c.Passwords == nil, "Passwords"},
		{c.Tokens == nil, "Tokens"},
		{c.Database.Ask == nil, "Database"},
		{c.PublicURL == "", "PublicURL"},
		{c.AppURL == "", "AppURL"},
		{c.Registerer == nil, "Registerer"},
		{c.Gatherer == nil, "Gatherer"},
		{c.Logger == nil, "Logger"},
		{c.Now == nil, "Now"},
	} {
		if f.missing {
			errs = append(errs, errors.New("rest: the configuration lacks "+f.name))
		}
	}
	return errors.Join(errs...)
}

// Server answers every request of the API.
type Server struct {
	tenants     Tenants
	operations  Operations
	maintenance Maintenance
	incidents   Incidents
	tokens      Tokens
	limiter     Limiter
	waiting     waiting
	events      Events
	streams     waiting
	answers     *answers.Cache
	version     string
	times       streamTimes
	wire        wire
	database    sharedCheck
	others      []sharedCheck
	note        func() string
	pages       *pages
	metrics     *observe.HTTP
	publicURL   string
	logger      *slog.Logger
	now         func() time.Time
	fleets      Fleets
	records     Records
	capacities  Capacities

	echo *echo.Echo
	api  huma.API

	draining     context.Context //nolint:containedctx // it ends when the server drains; no request's life hangs on it
	startToDrain context.CancelFunc
}

// New makes the server with all its routes.
func New(c Config) (*Server, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Server{
		tenants: c.Tenants, operations: c.Operations, maintenance: c.Maintenance, incidents: c.Incidents, fleets: c.Fleets, tokens: c.Tokens, limiter: c.Limiter, waiting: waiting{most: c.Waiting, full: tooManyWaiting},
		events: c.Events, records: c.Records, capacities: c.Capacities, streams: waiting{most: c.Streams, full: tooManyStreams}, times: usual,
		answers: c.Answers, version: c.Version,
		database: share(c.Database), others: shareAll(c.Others), note: c.Note, metrics: observe.NewHTTP(c.Registerer),
		publicURL: c.PublicURL, logger: c.Logger, now: c.Now,
	}
	s.draining, s.startToDrain = context.WithCancel(context.Background())
	var err error
	if s.pages, err = newPages(c); err != nil {
		return nil, err
	}
	s.echo = newEcho(s, c.TrustedProxies)
	s.api = newAPI(s.echo, c)
	s.registerTenants()
	s.registerOperations()
	s.registerFleets()
	s.registerEvents()
	s.registerMaintenance()
	s.registerIncidents()
	s.registerRecords()
	s.registerCapacity()
	s.registerHealth()
	s.registerStatus(c.Status)
	s.registerPages(c)
	s.registerMetrics(c.Gatherer)
	if err := s.registerDocument(); err != nil {
		return nil, err
	}
	return s, nil
}

// ServeHTTP answers one request. HEAD is answered wherever GET is: the
// connection knows what was asked and sends no body. A slash at the end of a
// path means nothing.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := *r
	if r.Method == http.MethodHead {
		asked = *r.WithContext(context.WithValue(r.Context(), headKey{}, true))
		asked.Method = http.MethodGet
	}
	u := *r.URL
	u.RawPath = decoded(u.RawPath)
	if len(u.Path) > 1 && strings.HasSuffix(u.Path, "/") {
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	}
	asked.URL = &u
	s.echo.ServeHTTP(w, &asked)
}

// headKey marks a request that was a HEAD.
type headKey struct{}

// decoded is an escaped path as the router compares it, which decodes nothing.
// Only a slash within a part stays as it is, so that it does not divide it.
func decoded(rawPath string) string {
	parts := strings.Split(rawPath, "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil && !strings.Contains(plain, "/") {
			parts[i] = plain
		}
	}
	return strings.Join(parts, "/")
}

// Drain prepares for the end: /readyz fails from now on, so that no new
// requests are sent here, and long polls are answered with what is known.
func (s *Server) Drain() { s.startToDrain() }

func newEcho(s *Server, trusted []netip.Prefix) *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = s.fail
	e.IPExtractor = clientAddress(trusted)
	e.Use(identifyRequest, traceRequest, s.observe, s.secure, s.recoverPanics, boundBody, s.identify, s.limit, s.authenticate, checkQuery)
	return e
}

// strictCasing is huma's package variable: set once, before the first request
// of the process could read it.
var strictCasing = sync.OnceFunc(func() { huma.ValidateStrictCasing = true })

func newAPI(e *echo.Echo, c Config) huma.API {
	strictCasing()
	format := huma.Format{Marshal: encode, Unmarshal: huma.DefaultJSONFormat.Unmarshal}
	return humaecho.New(e, huma.Config{
		OpenAPI:                      describe(c),
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{finish},
	})
}
