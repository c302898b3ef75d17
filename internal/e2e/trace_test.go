package e2e

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/mail/mailtest"
)

// traceReceiver is a collector in this process.
type traceReceiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans map[string][]*tracepb.Span // by trace
	all   strings.Builder            // whatever came, as text
}

func receiveTraces(t *testing.T) *traceReceiver {
	t.Helper()
	r := &traceReceiver{spans: map[string][]*tracepb.Span{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		raw, err := io.ReadAll(req.Body)
		var in collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(raw, &in) != nil || req.URL.Path != "/v1/traces" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all.WriteString(in.String())
		for _, rs := range in.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				for _, s := range ss.GetSpans() {
					id := hex.EncodeToString(s.GetTraceId())
					r.spans[id] = append(r.spans[id], s)
				}
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// of is the spans of a trace, oldest first.
func (r *traceReceiver) of(trace string) []*tracepb.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spans[trace])
}

func (r *traceReceiver) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.String()
}

// TestATraceLeadsFromTheRequestToTheMail: over the row, the run and an attempt that
// has failed, in one piece, and names nobody.
func TestATraceLeadsFromTheRequestToTheMail(t *testing.T) {
	t.Parallel()
	r := receiveTraces(t)
	i := install(t, nil).with(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": r.URL, "OTEL_BSP_SCHEDULE_DELAY": "200"})
	i.start()
	i.mail.Fail(mailtest.Fault{Status: http.StatusServiceUnavailable, Times: 1})
	const trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	params := request("Augusta's Lakeside Clinic")
	params.AdminFirstName = "Augusta"
	accepted := i.accepted(i.insist(http.MethodPost, "/v1/tenants", params, "traceparent", "00-"+trace+"-"+caller+"-01"))
	i.reaches(accepted.ID, client.StateSucceeded)
	made := i.tenant(accepted.TenantID)

	wanted := []string{
		"POST /v1/tenants", "INSERT operations", "redis evalsha", "StartWorkflow:ProvisionTenant", "RunWorkflow:ProvisionTenant",
		"RunActivity:CreateSchema", "RunActivity:DeployContract", "rpc sendTransaction", "RunActivity:SendWelcomeEmail", "send mail",
	}
	names := map[string][]*tracepb.Span{}
	eventually(t, "all of the trace has come", func() bool {
		clear(names)
		for _, s := range r.of(trace) {
			names[s.GetName()] = append(names[s.GetName()], s)
		}
		return !slices.ContainsFunc(wanted, func(name string) bool { return names[name] == nil }) && len(names["send mail"]) >= 2 && r.connected(trace, caller)
	})
	failed := func(s *tracepb.Span) bool { return s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR }
	for _, name := range []string{"send mail", "RunActivity:SendWelcomeEmail"} {
		require.True(t, slices.ContainsFunc(names[name], failed), "%s: the attempt that failed", name)
		require.True(t, slices.ContainsFunc(names[name], func(s *tracepb.Span) bool { return !failed(s) }), "%s: and the one that did not", name)
	}
	text := r.text()
	for _, private := range []string{
		params.Name, params.AdminEmail, params.AdminFirstName, params.AdminLastName, made.Slug, made.SchemaName, "lakeside", "hospital.example",
		i.token, i.env["DB_PASSWORD"], i.env["JWT_SECRET"], i.env["SOROBAN_CONTRACT_DEPLOYER_SECRET"], i.env["MAIL_PASSWORD"],
	} {
		require.NotContains(t, text, private)
	}
}

// connected tells that every span of a trace has its parent in it, up to the caller's.
func (r *traceReceiver) connected(trace, caller string) bool {
	ids := map[string]bool{caller: true}
	spans := r.of(trace)
	for _, s := range spans {
		ids[hex.EncodeToString(s.GetSpanId())] = true
	}
	return !slices.ContainsFunc(spans, func(s *tracepb.Span) bool { return !ids[hex.EncodeToString(s.GetParentSpanId())] })
}

// TestACollectorThatIsOfNoUseIsNotNoticed: it hangs, refuses what it is sent, or is
// away. Tenants are made, no request waits for it, and processes end in time.
func TestACollectorThatIsOfNoUseIsNotNoticed(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-never }))
	t.Cleanup(func() { close(never); hangs.Close() })
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(refuses.Close)
	for name, url := range map[string]string{"hangs": hangs.URL, "refuses": refuses.URL, "is away": "http://" + address(freePort(t))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_EXPORTER_OTLP_TIMEOUT": "600000"})
			api, worker := i.start()
			i.becomesActive(i.create("Hospital"))
			for _, p := range []*process{api, worker} {
				asked := time.Now()
				p.Signal(syscall.SIGTERM)
				require.Zero(t, p.wait())
				require.Less(t, time.Since(asked), grace, p.name)
			}
		})
	}
}
