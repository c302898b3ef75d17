package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"tenant-provisioning/internal/config"
	ourmail "tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
)

// output is a standard error that is read while it is written to.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func setup(t *testing.T) (*slog.Logger, *output) {
	t.Helper()
	out := &output{}
	log, closer := newTo(out, "tester", slog.LevelInfo, "")
	require.NoError(t, closer.Close())
	return log, out
}

// line is the only line, decoded.
func (o *output) line(t *testing.T) map[string]any {
	t.Helper()
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(o.String()), &line), o.String())
	return line
}

// TestNoTypeShowsWhatIsPersonalOrSecret, however it is wrapped.
func TestNoTypeShowsWhatIsPersonalOrSecret(t *testing.T) {
	t.Parallel()
	person := tenant.Administrator{Email: "ada@hospital.example", FirstName: "Augusta", LastName: "Lovelace"}
	of := tenant.Tenant{ID: "01920e6a", Name: "Lakeside Clinic", Administrator: person}
	named := mail.Address{Name: "Augusta Lovelace", Address: "ada@hospital.example"}
	link, err := url.Parse("https://tenants.example/invitations/s3cr3t-link")
	require.NoError(t, err)
	personal := []string{"ada@", "hospital.example", "Augusta", "Lovelace", "Lakeside", "s3cr3t"}
	for what, value := range map[string]any{
		"a secret": config.NewSecret("s3cr3t"), "a seed": stellar.Seed("s3cr3t"),
		"settings": config.Config{DB: config.DB{Password: config.NewSecret("s3cr3t")}}, "a person": person, "a pointer": &person,
		"a list": []tenant.Administrator{person}, "a map": map[string]tenant.Administrator{"x": person}, "a tenant": of, "of a tenant": &of,
		"a submission": tenant.Submission{New: &of, Request: []byte("s3cr3t")}, "a mail": tenant.Email{Tenant: of, TokenHash: []byte("s3cr3t")},
		"an address": named, "a pointer to it": &named, "a list of them": []mail.Address{named},
		"our address": ourmail.Address{Name: "Augusta Lovelace", Addr: "ada@hospital.example"},
		"our message": ourmail.Message{ID: "1", To: ourmail.Address{Addr: "ada@hospital.example"}, Content: ourmail.Content{Text: "s3cr3t"}},
		"a link":      link, "bytes": []byte("s3cr3t"), "raw JSON": json.RawMessage(`{"password":"s3cr3t"}`),
		"unnamed": struct{ Password string }{"s3cr3t"}, "a text": "to ada@hospital.example", "texts": []string{"ada@hospital.example"},
		"an error": errors.New(`550 5.1.1 <ada@hospital.example>: no such user`), "another script": "пётр@больница.example and ada@hospital.example",
		"a group": slog.GroupValue(slog.Any("who", person)),
	} {
		log, out := setup(t)
		log.Error("it failed", "about", value)
		log.With("about", value).Error("it failed")
		ForTerminal(out, slog.LevelInfo).Error("it failed", "about", value)
		for _, p := range personal {
			require.NotContains(t, out.String(), p, what)
		}
		require.Equal(t, 3, strings.Count(out.String(), "it failed"), what)
	}
	log, out := setup(t)
	log.Error("mail to ada@hospital.example failed")
	require.Equal(t, "mail to [address] failed", out.line(t)["msg"])
}

// TestWhatIsHarmlessIsShown, as slog shows it.
func TestWhatIsHarmlessIsShown(t *testing.T) {
	t.Parallel()
	log, out := setup(t)
	log.Info("x", "state", tenant.StateRunning, "n", 7, "id", tenant.ID("01920e6a"), "took", time.Second, "error", errors.New("away"), "list", []string{"a", "b"},
		"nothing", nil, "yes", true, "nilError", error(nil), "wrong", error((*tenant.StepError)(nil)), "tenantValue", tenant.Tenant{ID: "01920e6a"}, "n32", uint8(3))
	line := out.line(t)
	require.NotEmpty(t, line["time"])
	delete(line, "time")
	delete(line, "wrong") // whatever its text is: it is no panic
	require.Equal(t, map[string]any{
		"level": "INFO", "msg": "x", "process": "tester", "state": "RUNNING", "n": 7.0, "id": "01920e6a", "took": 1e9, "error": "away", "list": []any{"a", "b"},
		"nothing": nil, "yes": true, "nilError": nil, "tenantValue": "01920e6a", "n32": 3.0,
	}, line)
}

// TestLinesSayWhatTheyAreAbout: what a context knows, in the same words everywhere.
func TestLinesSayWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	log, out := setup(t)
	ctx := With(t.Context(), slog.String(KeyRequest, "r1"))
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	Note(inner, slog.String(KeyTenant, "t1"), slog.String(KeyOperation, ""), Actor("ada"))
	Note(inner, slog.String(KeyTenant, "t2"))
	Note(With(inner), slog.String(KeyOperation, "of another"))
	traceID, spanID := trace.TraceID{1}, trace.SpanID{2}
	ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID}))
	log.With("WorkflowID", "w1").InfoContext(ctx, "x", "RunID", "run1", "actor", "given")
	line := out.line(t)
	delete(line, "time")
	require.Equal(t, map[string]any{
		"level": "INFO", "msg": "x", "process": "tester", "requestId": "r1", "tenant": "t2", "workflow": "w1", "run": "run1", "actor": "given",
		"traceId": traceID.String(), "spanId": spanID.String(),
	}, line)
	require.Equal(t, []any{KeyTenant, "t2"}, Noted(ctx, KeyTenant, KeyOperation))

	Note(t.Context(), slog.String(KeyTenant, "nobody's")) // there is nothing to note it in
	require.Equal(t, "sha256:"+"8af9f72d32bc7177", Actor("ada@hospital.example").Value.String())
}
