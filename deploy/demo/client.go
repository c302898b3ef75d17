package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"tenant-provisioning/internal/tenant"
)

// client calls the REST API as any integrator would.
type client struct {
	base  string
	token string
	http  *http.Client
}

// requestTimeout is longer than the five seconds within which the API answers.
const requestTimeout = 10 * time.Second

func newClient(base, token string) *client {
	return &client{base: base, token: token, http: &http.Client{Timeout: requestTimeout}}
}

// apiError is a problem (RFC 9457) that the API answered with.
type apiError struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Title, e.Detail) }

type operationDocument struct {
	ID            tenant.OperationID `json:"id"`
	TenantID      tenant.ID          `json:"tenantId"`
	State         tenant.State       `json:"state"`
	FailedStep    tenant.Step        `json:"failedStep"`
	FailureReason string             `json:"failureReason"`
	CreatedAt     time.Time          `json:"createdAt"`
	FinishedAt    time.Time          `json:"finishedAt"`
}

type tenantDocument struct {
	Name       string        `json:"name"`
	Status     tenant.Status `json:"status"`
	SchemaName string        `json:"schemaName"`
	ContractID string        `json:"contractId"`
}

type progressDocument struct {
	Status    tenant.Status     `json:"status"`
	Operation operationDocument `json:"operation"`
	Steps     []struct {
		Step       tenant.Step       `json:"step"`
		Status     tenant.StepStatus `json:"status"`
		Attempts   int               `json:"attempts"`
		DurationMS float64           `json:"durationMs"`
		Error      string            `json:"error"`
	} `json:"steps"`
}

func (c *client) create(ctx context.Context, n tenant.Spec) (op operationDocument, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/tenants", map[string]string{
		"name": n.Name, "adminEmail": n.Administrator.Email, "adminFirstName": n.Administrator.FirstName,
		"adminLastName": n.Administrator.LastName, "tier": n.Tier, "region": n.Region,
	}, &op)
	return op, err
}

func (c *client) progress(ctx context.Context, id tenant.ID) (p progressDocument, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/tenants/"+string(id)+"/provisioning", nil, &p)
	return p, err
}

func (c *client) tenant(ctx context.Context, id tenant.ID) (t tenantDocument, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/tenants/"+string(id), nil, &t)
	return t, err
}

// named lists the tenants whose name contains a text.
func (c *client) named(ctx context.Context, name string) ([]tenantDocument, error) {
	var all []tenantDocument
	cursor := ""
	for {
		var page struct {
			Items      []tenantDocument `json:"items"`
			NextCursor string           `json:"nextCursor"`
		}
		query := url.Values{"name": {name}, "limit": {"200"}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		if err := c.call(ctx, http.MethodGet, "/v1/tenants?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

func (c *client) call(ctx context.Context, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask the api: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		problem := &apiError{Status: response.StatusCode, Title: http.StatusText(response.StatusCode)}
		if err := json.NewDecoder(response.Body).Decode(problem); err != nil {
			problem.Detail = "the answer is no problem document"
		}
		return problem
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("read the api's answer to %s %s: %w", method, path, err)
	}
	return nil
}
