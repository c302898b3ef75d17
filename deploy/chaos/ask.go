package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/tenant"
)

const (
	// requestTimeout is what the api promises, and some more on a busy machine.
	requestTimeout = 10 * time.Second
	// patience bounds how long a request is repeated: longer than anything that was
	// killed takes to come back.
	patience = 2 * time.Minute
)

// insist asks until the answer is one for good. Most of that the client does
// itself; but chaos waits for nobody as long as five minutes, and sends again what
// a fault of the api has ended.
func insist[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		answer, err := ask(ctx)
		if _, good := forGood(err); good {
			return answer, err
		}
		if over := sleep(ctx, poll); over != nil {
			return answer, fmt.Errorf("no answer within %s, %w, last: %w", patience, over, err)
		}
	}
}

// forGood tells the status of an answer that another request would not change: a
// success, which is 202 for what an operation is asked for, or a refusal.
func forGood(err error) (status int, good bool) {
	if err == nil {
		return http.StatusAccepted, true
	}
	p, answered := errors.AsType[*client.Problem](err)
	if !answered || p.Status >= http.StatusInternalServerError {
		return 0, false
	}
	return p.Status, true
}

// operation reads an operation; with a time to wait, as soon as it has ended or
// waits for a person.
func (c *chaos) operation(ctx context.Context, id, wait string) (client.Operation, error) {
	return insist(ctx, func(ctx context.Context) (client.Operation, error) {
		return c.client.GetOperation(ctx, id, client.GetOperationParams{Wait: wait})
	})
}

// accepting asks for an operation under a key.
type accepting func(ctx context.Context, key string) (client.Operation, error)

// asking is how a kind of operation of a tenant is asked for.
func (c *chaos) asking(kind tenant.Kind, id string) (accepting, error) {
	const why = "chaos"
	all := map[tenant.Kind]accepting{
		tenant.KindProvision: func(ctx context.Context, key string) (client.Operation, error) {
			return c.client.ReprovisionTenant(ctx, id, client.ReprovisionTenantParams{Reason: why, IdempotencyKey: key})
		},
		tenant.KindSuspend: func(ctx context.Context, key string) (client.Operation, error) {
			return c.client.SuspendTenant(ctx, id, client.SuspendTenantParams{Reason: why, IdempotencyKey: key})
		},
		tenant.KindResume: func(ctx context.Context, key string) (client.Operation, error) {
			return c.client.ResumeTenant(ctx, id, client.ResumeTenantParams{Reason: why, IdempotencyKey: key})
		},
		tenant.KindArchive: func(ctx context.Context, key string) (client.Operation, error) {
			return c.client.ArchiveTenant(ctx, id, client.ArchiveTenantParams{Reason: why, IdempotencyKey: key})
		},
		tenant.KindUndelete: func(ctx context.Context, key string) (client.Operation, error) {
			return c.client.UndeleteTenant(ctx, id, client.UndeleteTenantParams{Reason: why, IdempotencyKey: key})
		},
		tenant.KindPurge: func(ctx context.Context, key string) (client.Operation, error) {
			return c.client.PurgeTenant(ctx, id, client.PurgeTenantParams{Reason: why, IdempotencyKey: key})
		},
		tenant.KindInvite: func(ctx context.Context, key string) (client.Operation, error) {
			return c.client.InviteTenant(ctx, id, client.InviteTenantParams{Reason: why, IdempotencyKey: key})
		},
	}
	ask, can := all[kind]
	if !can {
		return nil, fmt.Errorf("chaos does not know how %s is asked for: add it to deploy/chaos/ask.go", kind)
	}
	return ask, nil
}

// acting is how a person's action is asked for.
func (c *chaos) acting(action tenant.Action, operation, requestID string) func(context.Context) (client.Operation, error) {
	const why = "chaos"
	return func(ctx context.Context) (client.Operation, error) {
		switch action {
		case tenant.ActionRetry:
			return c.client.RetryOperation(ctx, operation, client.RetryOperationParams{Reason: why, RequestID: requestID})
		case tenant.ActionSkip:
			return c.client.SkipOperation(ctx, operation, client.SkipOperationParams{Reason: why, RequestID: requestID})
		case tenant.ActionRollback:
			return c.client.RollbackOperation(ctx, operation, client.RollbackOperationParams{Reason: why, RequestID: requestID})
		case tenant.ActionCancel:
		}
		return c.client.CancelOperation(ctx, operation, client.CancelOperationParams{Reason: why, RequestID: requestID})
	}
}

// givesWay reports whether the acceptance of another operation would end this one,
// which is parked.
func givesWay(o client.Operation) bool {
	pivotPassed := !slices.Contains(o.AllowedActions, client.ActionRollback)
	return tenant.Operation{Kind: tenant.Kind(o.Kind), State: tenant.State(o.State), FailedStep: tenant.Step(o.FailedStep), PivotPassed: pivotPassed}.GivesWay()
}
