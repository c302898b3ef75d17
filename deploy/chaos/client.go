package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tenant-provisioning/internal/tenant"
)

const (
	// requestTimeout is what the api promises, and some more on a busy machine.
	requestTimeout = 10 * time.Second
	// patience bounds how long a client repeats a request: longer than anything
	// that was killed takes to come back.
	patience = 2 * time.Minute
)

// operation is what chaos reads of one.
type operation struct {
	ID, TenantID   string
	Kind           tenant.Kind
	State          tenant.State
	FailedStep     tenant.Step
	FailureClass   tenant.FailureClass
	FailureReason  string
	AllowedActions []tenant.Action
	UpdatedAt      time.Time
}

// givesWay reports whether the acceptance of another operation would end this one,
// which is parked.
func (o operation) givesWay() bool {
	pivotPassed := !slices.Contains(o.AllowedActions, tenant.ActionRollback)
	return tenant.Operation{Kind: o.Kind, State: o.State, FailedStep: o.FailedStep, PivotPassed: pivotPassed}.GivesWay()
}

// request is one to the api.
type request struct {
	method, path string
	key          string // Idempotency-Key
	body         any
}

// call does what a client does whose requests fail for a while: it repeats them
// until the answer is one for good, and reads it if it is a success.
func (c *chaos) call(ctx context.Context, q request, into any) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		status, err = c.try(ctx, q, into)
		if err == nil && status < http.StatusInternalServerError {
			return status, nil
		}
		if over := sleep(ctx, poll); over != nil {
			return status, fmt.Errorf("%s %s: no answer within %s, last: status %d, %w", q.method, q.path, patience, status, err)
		}
	}
}

func (c *chaos) try(ctx context.Context, q request, into any) (status int, err error) {
	body, err := json.Marshal(q.body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, q.method, c.url+q.path, bytes.NewReader(body)) //nolint:gosec // APP_URL is the stack's
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	if q.key != "" {
		req.Header.Set("Idempotency-Key", q.key)
	}
	resp, err := c.http.Do(req) //nolint:gosec // APP_URL is the stack's
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if into == nil || resp.StatusCode >= http.StatusMultipleChoices {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(into)
}

// expect is call for a request that must succeed.
func (c *chaos) expect(ctx context.Context, q request, want int, into any) error {
	status, err := c.call(ctx, q, into)
	if err == nil && status != want {
		err = fmt.Errorf("%s %s: status %d, expected %d", q.method, q.path, status, want)
	}
	return err
}

// follow reads an operation, as soon as it has ended or waits for a person or
// after some seconds.
func (c *chaos) follow(ctx context.Context, id string) (o operation, err error) {
	return o, c.expect(ctx, request{method: http.MethodGet, path: "/v1/operations/" + id + "?wait=5s"}, http.StatusOK, &o)
}
