package temporalclient

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Namespace is what Setup makes of a server.
type Namespace struct {
	// Name is the namespace.
	Name string
	// Retention is how long closed runs are kept, at least a day. A namespace
	// that exists keeps its own.
	Retention time.Duration
	// Attributes are what runs can be found by. They are not encrypted: nothing
	// personal may go into them.
	Attributes []temporal.SearchAttributeKey
}

// setupInterval is between two looks at a server that is away or has not yet
// heard of the namespace: its processes refresh their list every few seconds.
const setupInterval = 200 * time.Millisecond

// Setup registers the namespace and the search attributes, and returns when
// both can be used. It waits for a server that is away as long as ctx allows
// and may be run any number of times, also by several at once.
func Setup(ctx context.Context, c client.Client, namespace Namespace) error {
	for _, step := range []struct {
		doing string
		do    func(context.Context, client.Client, Namespace) error
	}{
		{"register", registerNamespace},
		{"add search attributes to", addSearchAttributes},
		{"wait for", waitUntilUsable},
	} {
		err := repeat(ctx, func(ctx context.Context) error { return step.do(ctx, c, namespace) })
		if err != nil {
			return fmt.Errorf("%s the Temporal namespace %s: %w", step.doing, namespace.Name, err)
		}
	}
	return nil
}

func registerNamespace(ctx context.Context, c client.Client, namespace Namespace) error {
	_, err := c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace:                        namespace.Name,
		Description:                      "Provisioning of tenants",
		WorkflowExecutionRetentionPeriod: durationpb.New(namespace.Retention),
	})
	var exists *serviceerror.NamespaceAlreadyExists
	if errors.As(err, &exists) {
		return nil
	}
	return err
}

func addSearchAttributes(ctx context.Context, c client.Client, namespace Namespace) error {
	existing, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace.Name})
	if err != nil {
		return err
	}
	missing := make(map[string]enumspb.IndexedValueType)
	for _, attribute := range namespace.Attributes {
		found, exists := existing.GetCustomAttributes()[attribute.GetName()]
		switch {
		case !exists:
			missing[attribute.GetName()] = attribute.GetValueType()
		case found != attribute.GetValueType():
			return &wrongTypeError{name: attribute.GetName(), found: found, want: attribute.GetValueType()}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace.Name, SearchAttributes: missing,
	})
	var exists *serviceerror.AlreadyExists
	if errors.As(err, &exists) {
		return nil // by another setup at the same time
	}
	return err
}

// waitUntilUsable asks what the Web UI will ask: a query that names every
// attribute.
func waitUntilUsable(ctx context.Context, c client.Client, namespace Namespace) error {
	_, err := c.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace.Name, Query: queryOfAll(namespace),
	})
	var unknown *serviceerror.InvalidArgument
	if errors.As(err, &unknown) {
		return fmt.Errorf("%w: %w", errNotYet, err)
	}
	return err
}

func queryOfAll(namespace Namespace) string {
	conditions := make([]string, len(namespace.Attributes))
	for i, attribute := range namespace.Attributes {
		conditions[i] = attribute.GetName() + " IS NULL"
	}
	return strings.Join(conditions, " OR ")
}

// wrongTypeError is beyond what Setup may correct: to remove an attribute loses
// what is indexed under it.
type wrongTypeError struct {
	name        string
	found, want enumspb.IndexedValueType
}

func (e *wrongTypeError) Error() string {
	return fmt.Sprintf(`search attribute %s has type %s, expected %s; if nothing else uses it, "temporal operator search-attribute remove --name %s" and run: starter setup`,
		e.name, e.found, e.want, e.name)
}

// errNotYet marks an answer that changes when the server has refreshed what it
// knows.
var errNotYet = errors.New("not yet known to every process of the server")

// repeat calls until it succeeds, fails for good or ctx ends; then the error
// says what the last attempt found.
func repeat(ctx context.Context, call func(context.Context) error) error {
	ticker := time.NewTicker(setupInterval)
	defer ticker.Stop()
	for {
		err := call(ctx)
		if err == nil || !mayPass(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; the last answer was: %w", context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}

func mayPass(err error) bool {
	var (
		away      *serviceerror.Unavailable
		slow      *serviceerror.DeadlineExceeded
		busy      *serviceerror.ResourceExhausted
		unknown   *serviceerror.NamespaceNotFound
		notFound  *serviceerror.NotFound
		cancelled *serviceerror.Canceled
	)
	return errors.Is(err, errNotYet) || errors.As(err, &away) || errors.As(err, &slow) || errors.As(err, &busy) ||
		errors.As(err, &unknown) || errors.As(err, &notFound) || errors.As(err, &cancelled)
}
