package notice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"tenant-provisioning/internal/tenant"
)

const (
	// webhookTimeout bounds one request.
	webhookTimeout = 10 * time.Second
	// maxTold bounds the operations in one request.
	maxTold = 50
	// maxAnswer bounds what is read of an answer, in bytes, so that the connection
	// can be used again.
	maxAnswer = 64 << 10
)

// Webhook posts notices as JSON. Nothing in them is personal or secret: no
// tenant's name, no address.
type Webhook struct {
	url    string
	client *http.Client
}

// NewWebhook makes a webhook at a URL, which is never printed: most hold a key.
// A transport that is nil is Go's own.
func NewWebhook(target string, transport http.RoundTripper) *Webhook {
	return &Webhook{url: target, client: &http.Client{
		Timeout: webhookTimeout, Transport: transport,
		// A redirect is an answer, and not the right one: it would lead the notice
		// to somewhere that nobody has set.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// told is the document that is posted.
type told struct {
	// ID is the same when a notice is posted again.
	ID string `json:"id"`
	// Kind is attention, incident or no_worker, or a tenant.TroubleKind; of all but the
	// first also with _over.
	Kind string `json:"kind"`
	// Text says it in a sentence, for what shows one to people.
	Text string `json:"text"`
	// Total is how many operations there are; 50 at most are listed.
	Total      int                  `json:"total,omitempty"`
	Operations []toldOperation      `json:"operations,omitempty"`
	Incident   *tenant.Incident     `json:"incident,omitempty"`
	Outage     *tenant.WorkerOutage `json:"outage,omitempty"`
	Trouble    *tenant.Trouble      `json:"trouble,omitempty"`
}

type toldOperation struct {
	TenantID       tenant.ID           `json:"tenantId"`
	OperationID    tenant.OperationID  `json:"operationId"`
	Kind           tenant.Kind         `json:"kind"`
	State          tenant.State        `json:"state"`
	FailedStep     tenant.Step         `json:"failedStep"`
	FailureClass   tenant.FailureClass `json:"failureClass"`
	FailureReason  string              `json:"failureReason"`
	AllowedActions []tenant.Action     `json:"allowedActions"`
	Since          time.Time           `json:"since"`
	// Deadline is when it is decided without anybody.
	Deadline time.Time `json:"attentionDeadline,omitzero"`
}

// SendNotice posts one notice; 2xx says that it is taken. It is never in doubt:
// whoever gets it twice recognises its id.
func (w *Webhook) SendNotice(ctx context.Context, n tenant.Notice) (doubtful bool, err error) {
	body, err := json.Marshal(tell(n))
	if err != nil {
		return false, fmt.Errorf("write the notice for NOTIFY_WEBHOOK: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("NOTIFY_WEBHOOK is no URL to post to") // the error would show it
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", n.ID)
	request.Header.Set("User-Agent", "tenant-provisioning")
	response, err := w.client.Do(request)
	if err != nil {
		if hidden, ok := errors.AsType[*url.Error](err); ok {
			err = hidden.Err
		}
		return false, fmt.Errorf("post the notice to NOTIFY_WEBHOOK: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // the status has said it
	if response.StatusCode/100 != 2 {
		return false, fmt.Errorf("post the notice to NOTIFY_WEBHOOK: it answered %d", response.StatusCode)
	}
	return false, nil
}

func tell(n tenant.Notice) told {
	t := told{ID: n.ID}
	switch {
	case n.Outage.ID != 0:
		t.outage(n.Outage)
	case n.Incident.ID != 0:
		t.incident(n.Incident)
	case n.Trouble.Kind != "":
		t.trouble(n.Trouble)
	default:
		t.attention(n.Operations)
	}
	return t
}

func (t *told) outage(o tenant.WorkerOutage) {
	t.Kind, t.Outage = "no_worker", &o
	t.Text = fmt.Sprintf("%s. See docs/runbooks/%s", o.Cause, tenant.WorkerRunbook)
	if !o.ClosedAt.IsZero() {
		t.Kind = "no_worker_over"
		t.Text = "Over: no worker took work, until " + o.ClosedAt.UTC().Format(time.RFC3339)
	}
}

func (t *told) incident(i tenant.Incident) {
	t.Kind, t.Incident = "incident", &i
	t.Text = fmt.Sprintf("The %s fails for many tenants: %s. See: starter incidents", i.Dependency, i.Cause)
	if !i.ClosedAt.IsZero() {
		t.Kind = "incident_over"
		t.Text = fmt.Sprintf("Over: the %s failed for many tenants, until %s", i.Dependency, i.ClosedAt.UTC().Format(time.RFC3339))
	}
}

func (t *told) trouble(about tenant.Trouble) {
	words := about.Words()
	about.Since, about.Until = about.Since.UTC(), about.Until.UTC()
	t.Kind, t.Trouble = string(about.Kind), &about
	t.Text = fmt.Sprintf("%s: %s. See: %s, and docs/runbooks/%s", words.Is, about.Cause, words.See, words.Runbook)
	if about.Over() {
		t.Kind += "_over"
		t.Text = fmt.Sprintf("Over: %s, since %s. %s", words.Was, about.Since.Format(time.RFC3339), words.Ended)
	}
}

func (t *told) attention(operations []tenant.Operation) {
	t.Kind, t.Total = "attention", len(operations)
	t.Text = fmt.Sprintf("%d operations need attention. See: starter list --attention", t.Total)
	if t.Total == 1 {
		t.Text = "An operation needs attention. See: starter list --attention"
	}
	for _, o := range operations[:min(t.Total, maxTold)] {
		t.Operations = append(t.Operations, toldOperation{
			TenantID: o.TenantID, OperationID: o.ID, Kind: o.Kind, State: o.State, FailedStep: o.FailedStep, FailureClass: o.FailureClass,
			FailureReason: o.FailureReason, AllowedActions: o.AllowedActions(), Since: o.WaitsSince().UTC(), Deadline: o.AttentionDeadline.UTC(),
		})
	}
}
