package temporalclient

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// MissingError is what the server lacks, in plain words, and how to mend it.
// Nothing is started before.
type MissingError struct{ text string }

func (e *MissingError) Error() string { return e.text }

// Verify asks whether the namespace is there with its search attributes, as
// Setup makes them. A *MissingError says what is not; any other error, that the
// server does not answer. One that lets us ask for neither is believed to have
// them.
func Verify(ctx context.Context, c client.Client, namespace Namespace) error {
	existing, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace.Name})
	switch {
	case isUnknown(err):
		return noNamespace(namespace)
	case withheld(err): // a server that keeps this to its operators
		return verifyByQuery(ctx, c, namespace)
	case err != nil:
		return fmt.Errorf("ask Temporal for namespace %s: %w", namespace.Name, err)
	}
	var missing []string
	for _, attribute := range namespace.Attributes {
		found, exists := existing.GetCustomAttributes()[attribute.GetName()]
		if !exists {
			missing = append(missing, attribute.GetName())
		} else if found != attribute.GetValueType() {
			return &MissingError{text: (&wrongTypeError{name: attribute.GetName(), found: found, want: attribute.GetValueType()}).Error()}
		}
	}
	if len(missing) > 0 {
		return &MissingError{text: fmt.Sprintf("the Temporal namespace %s lacks the search attributes %s; run: starter setup", namespace.Name, strings.Join(missing, ", "))}
	}
	return nil
}

func noNamespace(namespace Namespace) error {
	return &MissingError{text: fmt.Sprintf("the Temporal namespace %s is not there; run: starter setup (or correct TEMPORAL_NAMESPACE)", namespace.Name)}
}

func isUnknown(err error) bool {
	_, unknown := errors.AsType[*serviceerror.NamespaceNotFound](err)
	_, notFound := errors.AsType[*serviceerror.NotFound](err)
	return unknown || notFound
}

// withheld tells answers of a server that knows and does not say.
func withheld(err error) bool {
	_, denied := errors.AsType[*serviceerror.PermissionDenied](err)
	_, unknown := errors.AsType[*serviceerror.Unimplemented](err)
	return denied || unknown
}

// verifyByQuery asks by a query that names every attribute.
func verifyByQuery(ctx context.Context, c client.Client, namespace Namespace) error {
	_, err := c.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace.Name, Query: queryOfAll(namespace),
	})
	_, refused := errors.AsType[*serviceerror.InvalidArgument](err)
	switch {
	case isUnknown(err):
		return noNamespace(namespace)
	case withheld(err):
		return nil
	case refused:
		return &MissingError{text: fmt.Sprintf("the Temporal namespace %s lacks a search attribute (%s); run: starter setup", namespace.Name, err)}
	case err != nil:
		return fmt.Errorf("ask Temporal for namespace %s: %w", namespace.Name, err)
	}
	return nil
}
