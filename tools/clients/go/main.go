// Command go takes one tenant through its life with the client that oapi-codegen
// generates, which scripts/clients.sh puts into api.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/google/uuid"

	"tenant-provisioning/tools/clients/go/api"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	name, url, laterURL, token := args[0], args[1], args[2], args[3]
	c, err := clientOf(url, token)
	if err != nil {
		return err
	}
	o, err := c.live(ctx, name)
	if err != nil {
		return err
	}
	later, err := clientOf(laterURL, token)
	if err != nil {
		return err
	}
	return errors.Join(c.refusals(ctx, o), c.pages(ctx, o.TenantId), later.later(ctx, o))
}

type client struct{ *api.ClientWithResponses }

func clientOf(url, token string) (client, error) {
	c, err := api.NewClientWithResponses(url, api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}))
	return client{c}, err
}

// answer is what every generated answer has.
type answer interface {
	StatusCode() int
	GetBody() []byte
}

// got is the body of an answer that must be there.
func got[A answer, T any](body func(A) *T) func(A, error) (T, error) {
	return func(a A, err error) (T, error) {
		var none T
		if err != nil {
			return none, err
		}
		if found := body(a); found != nil {
			return *found, nil
		}
		return none, fmt.Errorf("an answer without the expected body: %d %s", a.StatusCode(), a.GetBody())
	}
}

func check(said, wanted any, what string) error {
	if s, w := fmt.Sprint(said), fmt.Sprint(wanted); s != w {
		return fmt.Errorf("%s: expected %s, got %s", what, w, s)
	}
	return nil
}

// follow waits for the end, which is told by finishedAt: a state may be unknown.
func (c client) follow(ctx context.Context, o api.Operation, err error) (api.Operation, error) {
	wait := "30s"
	for range 20 {
		if err != nil {
			return o, err
		}
		if o.FinishedAt != nil {
			return o, check(o.State, api.State("SUCCEEDED"), o.Kind)
		}
		o, err = got(func(a *api.GetOperationResponse) *api.Operation { return a.JSON200 })(
			c.GetOperationWithResponse(ctx, o.Id, &api.GetOperationParams{Wait: &wait}))
	}
	return o, fmt.Errorf("%s does not end: %+v", o.Kind, o)
}

func (c client) tenant(ctx context.Context, id uuid.UUID) (api.Tenant, error) {
	return got(func(a *api.GetTenantResponse) *api.Tenant { return a.JSON200 })(c.GetTenantWithResponse(ctx, id, nil))
}

func (c client) unknown(ctx context.Context) (api.Problem, error) {
	return got(func(a *api.GetTenantResponse) *api.Problem { return a.ApplicationproblemJSON404 })(c.GetTenantWithResponse(ctx, uuid.New(), nil))
}

func (c client) steps(ctx context.Context, id uuid.UUID) ([]api.StepProgress, error) {
	p, err := got(func(a *api.GetProvisioningResponse) *api.Progress { return a.JSON200 })(c.GetProvisioningWithResponse(ctx, id, nil))
	return p.Steps, err
}
